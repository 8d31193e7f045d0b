import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text as readText } from 'node:stream/consumers';
import { splitLines } from './lines.ts';

/** `refused`: Waggle said no. `foreign`: what answers is no Waggle. `broken`: the answer ended early. */
type Problem = 'unreachable' | 'silent' | 'foreign' | 'refused' | 'broken';

/** The orchestrator said no, or could not be reached; the message is fit to be shown as it is. */
export class ApiError extends Error {
  readonly problem: Problem;
  /** Of HTTP, where Waggle refused. */
  readonly status: number | undefined;

  constructor(problem: Problem, message: string, { cause, status }: { cause?: unknown; status?: number } = {}) {
    super(message, { cause });
    this.name = 'ApiError';
    this.problem = problem;
    this.status = status;
  }
}

/** The fields of an answer a command cannot do without. */
type Shape = Readonly<Record<string, 'string' | 'number' | 'object' | 'array'>>;

interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

const defaultTimeoutMs = 5_000;

/** Talks to the REST API of one orchestrator. Redirects are not followed: the token stays where it was meant for. */
export class ApiClient {
  /** Without a slash at its end. */
  readonly url: string;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;
  #clockSkewMs = 0;

  /** `timeoutMs` is for answers that come in one piece; a streamed one may take as long as it takes. */
  constructor(url: URL, token: string | undefined, timeoutMs = defaultTimeoutMs) {
    this.url = `${url.origin}${url.pathname}`.replace(/\/+$/, '');
    this.#token = token;
    this.#timeoutMs = timeoutMs;
  }

  /** The answer, which has the fields of `shape`; throws ApiError otherwise. */
  async get(path: string, shape: Shape): Promise<Record<string, unknown>> {
    const parsed = parse(await this.#read(path));
    if (!isRecord(parsed)) throw this.#foreign('its answer is no JSON object');
    for (const [name, kind] of Object.entries(shape))
      if (kindOf(parsed[name]) !== kind) throw this.#foreign(`its answer to ${path} has no ${name}`);
    return parsed;
  }

  /** How far this machine's clock is ahead of the orchestrator's, in ms, exact to the second; 0 before an answer. */
  get clockSkewMs(): number {
    return this.#clockSkewMs;
  }

  /** Sends JSON and gives the answer's lines as they come; a line with an `error` throws. */
  lines(path: string, body: unknown, signal?: AbortSignal): AsyncGenerator<Record<string, unknown>> {
    return this.#lines({ method: 'POST', path, body, signal });
  }

  /** Sends JSON and gives the last line of the answer, however long that takes; undefined where the answer is empty. */
  async ask(method: 'POST' | 'DELETE', path: string, body: unknown): Promise<Record<string, unknown> | undefined> {
    let last: Record<string, unknown> | undefined;
    for await (const line of this.#lines({ method, path, body })) last = line;
    return last;
  }

  async *#lines(call: Call): AsyncGenerator<Record<string, unknown>> {
    try {
      for await (const line of splitLines(await this.#send(call))) {
        const parsed = parse(line);
        if (!isRecord(parsed)) throw this.#foreign('its answer is no JSON');
        if (typeof parsed['error'] === 'string') throw new ApiError('refused', parsed['error']);
        yield parsed;
      }
    } catch (thrown) {
      if (thrown instanceof ApiError || call.signal?.aborted === true) throw thrown;
      throw new ApiError('broken', `Waggle at ${this.url} broke off its answer`, { cause: thrown });
    }
  }

  async #read(path: string): Promise<string> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      return await readText(await this.#send({ method: 'GET', path, signal }));
    } catch (thrown) {
      if (signal.aborted)
        throw new ApiError(
          'silent',
          `nothing came from ${this.url} within ${this.#timeoutMs / 1000} s; say where Waggle is with --url`,
          { cause: thrown },
        );
      if (thrown instanceof ApiError) throw thrown;
      throw new ApiError('broken', `Waggle at ${this.url} broke off its answer`, { cause: thrown });
    }
  }

  async #send(call: Call): Promise<IncomingMessage> {
    let response: IncomingMessage;
    try {
      response = await this.#open(call);
    } catch (cause) {
      if (call.signal?.aborted === true) throw cause;
      if (isRecord(cause) && String(cause['code']).startsWith('HPE_')) throw this.#foreign('it does not speak HTTP');
      throw new ApiError(
        'unreachable',
        `no Waggle answers at ${this.url}; start it with \`npm start\`, or name another with --url`,
        { cause },
      );
    }
    const { statusCode = 0, headers } = response;
    // A proxy in front names itself as the server; every answer of Waggle has an id.
    if (headers.server !== 'waggle' && headers['x-request-id'] === undefined) {
      response.destroy();
      const { server } = headers;
      throw this.#foreign(`${statusCode}${typeof server === 'string' ? ` from ${server}` : ''}`);
    }
    const date = Date.parse(headers.date ?? '');
    if (!Number.isNaN(date)) this.#clockSkewMs = Date.now() - date;
    if (statusCode < 200 || statusCode > 299)
      throw new ApiError('refused', toMessage(statusCode, await readText(response)), { status: statusCode });
    return response;
  }

  #open({ method, path, body, signal }: Call): Promise<IncomingMessage> {
    const headers: Record<string, string> = { accept: 'application/json' };
    const content = body === undefined ? '' : JSON.stringify(body);
    if (body !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = String(Buffer.byteLength(content));
    }
    if (this.#token !== undefined) headers['authorization'] = `Bearer ${this.#token}`;
    const request = this.url.startsWith('https:') ? requestHttps : requestHttp;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    // fetch gives up on an answer that takes five minutes to begin; a held chat may take longer.
    // One connection each: a kept one could be closed by the other side just as it is used again.
    const options = { method, headers, agent: false, ...(signal === undefined ? {} : { signal }) };
    request(`${this.url}${path}`, options, resolve).on('error', reject).end(content);
    return promise;
  }

  #foreign(what: string): ApiError {
    return new ApiError('foreign', `something else answers at ${this.url}: ${what}; say where Waggle is with --url`);
  }
}

function toMessage(status: number, text: string): string {
  const parsed = parse(text);
  if (isRecord(parsed)) {
    const { error, hint } = parsed;
    const message = isRecord(error) ? error['message'] : error;
    if (typeof message === 'string') return typeof hint === 'string' ? `${message}; ${hint}` : message;
  }
  return text.trim() || `the server answered ${status}`;
}

/** Undefined where it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
