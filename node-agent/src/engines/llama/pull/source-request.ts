import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestEncrypted } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import type { ErrorCode } from '@waggle/shared/errors/error-codes.ts';
import type { HubSettings, PullLimits } from './pull-settings.ts';

/** Why a source did not give what was asked of it. The message is a sentence without its full stop. */
export class SourceFailure extends Error {
  override readonly name = 'SourceFailure';
  readonly code: ErrorCode;
  readonly isRetryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { code?: ErrorCode; isRetryable?: boolean; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = options.code ?? 'engine-failed';
    this.isRetryable = options.isRetryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export interface SourceAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Of this answer and of the redirects before it: the hub tells a file's hash with its redirect. */
  readonly linked: { readonly sha256?: string; readonly sizeBytes?: number };
  /** The bytes as they come; throws a SourceFailure when they stop coming. Returning early ends the connection. */
  readonly body: AsyncGenerator<Uint8Array, void, undefined>;
  /** Ends the connection where `body` is not read at all. */
  discard(): void;
}

export interface SourceOptions {
  readonly hub: HubSettings;
  readonly limits: PullLimits;
  readonly signal: AbortSignal;
}

/**
 * One GET. Redirects are followed, the token goes to the hub's own address only. Throws a SourceFailure for every status but
 * 200, 206, 412 and 416, and rejects with the signal's reason.
 */
export async function requestSource(
  url: string,
  headers: Readonly<Record<string, string>>,
  options: SourceOptions,
): Promise<SourceAnswer> {
  const { hub, limits, signal } = options;
  const watch = new StallWatch(signal, limits.stallMs);
  let linked: SourceAnswer['linked'] = {};
  let current = new URL(url);
  try {
    for (let hops = 0; ; hops++) {
      const response = await get(current, { ...headers, ...authorization(current, hub) }, watch.signal);
      const received = new Headers(toPairs(response.rawHeaders));
      const { statusCode: status = 0 } = response;
      linked = { ...linked, ...toLinked(received) };
      const location = received.get('location');
      if (status < 300 || status >= 400 || status === 304 || location === null) {
        try {
          refuseStatus(status, received, current, hub);
        } catch (refusal) {
          response.destroy();
          throw refusal;
        }
        return {
          status,
          headers: received,
          linked,
          body: readBody(response, current, watch, signal),
          discard() {
            watch.pause();
            response.destroy();
          },
        };
      }
      response.destroy();
      if (hops === limits.redirects) throw new SourceFailure(`${shown(url)} redirects more than ${hops} times`);
      current = followed(current, location);
      watch.restart();
    }
  } catch (cause) {
    watch.pause();
    throw toFailure(cause, current, watch, signal);
  }
}

/**
 * Not `fetch`: that of Node throws where nobody can catch it when a source closes the connection before its last bytes were read, and so ends
 * the whole program.
 */
function get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestEncrypted : requestPlain;
  return new Promise((resolve, reject) => {
    // Compressed ranges would be ranges of something else.
    const always = { 'accept-encoding': 'identity', 'user-agent': 'waggle' };
    request(url, { headers: { ...always, ...headers }, signal })
      .on('error', reject)
      .on('response', resolve)
      .end();
  });
}

/** Again after a while, as often as the limits say, where that may help. Rejects with the signal's reason. */
export async function withRetries<Result>(
  {
    limits,
    signal,
  }: { readonly limits: Pick<PullLimits, 'attempts' | 'retryMs' | 'retryMaxMs'>; readonly signal: AbortSignal },
  action: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (cause) {
      signal.throwIfAborted();
      if (!isRetryable(cause) || attempt >= limits.attempts) throw cause;
      const own = limits.retryMs * 2 ** (attempt - 1);
      const waitMs = Math.min(limits.retryMaxMs, Math.max(own, cause.retryAfterMs ?? 0));
      await wait(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

export function isRetryable(cause: unknown): cause is SourceFailure {
  return cause instanceof SourceFailure && cause.isRetryable;
}

/** An address in messages: without its query, which may be a key. */
export function shown(url: string | URL): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

function authorization(url: URL, { endpoint, token }: HubSettings): Record<string, string> {
  if (token === undefined || url.origin !== new URL(endpoint).origin) return {};
  return { authorization: `Bearer ${token}` };
}

/** Where a redirect leads. @throws SourceFailure where it must not be followed */
export function followed(from: URL, location: string): URL {
  const url = URL.parse(location, from.href);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new SourceFailure(`${shown(from)} redirects to what is no address of a file`);
  }
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    throw new SourceFailure(`${shown(from)} redirects to ${shown(url)}, which is not encrypted`);
  }
  return url;
}

function toPairs(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) pairs.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '']);
  return pairs;
}

function toLinked(headers: Headers): SourceAnswer['linked'] {
  const sha256 = /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(headers.get('x-linked-etag') ?? '')?.[1];
  const size = /^\d{1,15}$/.exec(headers.get('x-linked-size') ?? '')?.[0];
  return { ...(sha256 !== undefined && { sha256 }), ...(size !== undefined && { sizeBytes: Number(size) }) };
}

/** @throws SourceFailure */
function refuseStatus(status: number, headers: Headers, url: URL, hub: HubSettings): void {
  if (status === 200 || status === 206 || status === 412 || status === 416) return;
  const isHub = url.origin === new URL(hub.endpoint).origin;
  const where = shown(url);
  if (status === 401 || status === 403) {
    throw new SourceFailure(`${where} may not be read (${status})${isHub ? hubAdvice(hub) : ''}`, {
      code: 'forbidden',
    });
  }
  if (status === 404 || status === 410)
    throw new SourceFailure(`there is no ${where} (${status})`, { code: 'not-found' });
  const passes = status === 408 || status === 429 || status >= 500;
  const why = status === 429 ? 'gets too many requests' : `answers with status ${status}`;
  throw new SourceFailure(`${url.host} ${why}`, { isRetryable: passes, retryAfterMs: retryAfter(headers) });
}

function hubAdvice({ token }: HubSettings): string {
  const how =
    token === undefined
      ? 'set HF_TOKEN to a token of an account that may'
      : 'the account of HF_TOKEN may not, or has not accepted its conditions';
  return `: the repository does not exist, is private, or has conditions; ${how}`;
}

function retryAfter(headers: Headers): number | undefined {
  const text = headers.get('retry-after') ?? '';
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

async function* readBody(
  response: IncomingMessage,
  url: URL,
  watch: StallWatch,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    watch.restart();
    for await (const chunk of response) {
      // The reader's own time is not the source's.
      watch.pause();
      yield chunk;
      watch.restart();
    }
  } catch (cause) {
    throw toFailure(cause, url, watch, signal);
  } finally {
    watch.pause();
  }
}

function toFailure(cause: unknown, url: URL, watch: StallWatch, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (cause instanceof SourceFailure) return cause;
  const options = { code: 'engine-unreachable', isRetryable: true, cause } as const;
  if (watch.hasStalled) return new SourceFailure(`${url.host} sent nothing for ${watch.stallMs / 1_000} s`, options);
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : '';
  const why = reasons[code] ?? `ended the connection${code === '' ? '' : ` (${code})`}`;
  return new SourceFailure(`${url.host} ${why}`, options);
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'cannot be found: no name service knows it',
  EAI_AGAIN: 'cannot be found: the name service does not answer',
  ECONNREFUSED: 'refuses the connection',
  ETIMEDOUT: 'does not take the connection',
};

/** Aborts its signal when nothing came for a while; the outer signal's abort goes through. */
class StallWatch {
  readonly stallMs: number;
  readonly signal: AbortSignal;
  readonly #stall = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(outer: AbortSignal, stallMs: number) {
    this.stallMs = stallMs;
    this.signal = AbortSignal.any([outer, this.#stall.signal]);
    this.restart();
  }

  get hasStalled(): boolean {
    return this.#stall.signal.aborted;
  }

  restart(): void {
    this.pause();
    this.#timer = setTimeout(() => this.#stall.abort(), this.stallMs);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }
}
