import type { EngineHeaders } from '@waggle/shared/dialects/dialect.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { toCallFailure } from './call-failure.ts';
import {
  type CallFailure,
  type CallObserver,
  type EngineRequest,
  isStream,
  type RequestBody,
  type RunningCall,
} from './engine-call.ts';
import { type ConnectionUser, type HttpAddress, HttpConnection } from './http-connection.ts';

export interface EngineHttpOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Sent as Bearer. */
  readonly apiKey?: string;
  readonly clock: Clock;
}

/**
 * HTTP/1.1 to one engine. A call has a connection of its own, taken from the idle ones (the one used last first, for it is
 * the least likely to have been closed by the engine) or newly made: who calls bounds the number. No time limit is set on
 * answers, an engine may think for an hour; deadlines are the caller's.
 *
 * Why not undici, whose `Client.dispatch` passes the same tests with 390 lines less: it takes 10 to 20 MB more of an idle agent, which is to
 * have 80. Measured in pairs it costs a twentieth more CPU for a whole answer and a fifth more for a streamed delta, for it hands on every
 * HTTP chunk by itself where those of one read belong together. And it holds the body of a request until the answer has ended; here 57 MB
 * of images are let go of once they are sent.
 */
export class EngineHttp {
  readonly origin: string;
  readonly #clock: Clock;
  readonly #address: HttpAddress;
  readonly #plainLines: string;
  /** What every request says, line by line. */
  #ownLines: string;
  #clusterId: string | undefined;
  readonly #idle: IdleConnection[] = [];
  readonly #connections = new Set<HttpConnection>();
  #lastByteAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #isSweeping = false;

  constructor({ origin, apiKey, clock }: EngineHttpOptions) {
    const { protocol, hostname, port, host } = new URL(origin);
    this.origin = origin;
    this.#clock = clock;
    const isSecure = protocol === 'https:';
    this.#address = {
      isSecure,
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (isSecure ? 443 : 80) : Number(port),
    };
    this.#plainLines = `host: ${host}\r\n${apiKey === undefined ? '' : `authorization: Bearer ${apiKey}\r\n`}`;
    this.#ownLines = this.#plainLines;
  }

  /** Requests name this cluster in `x-waggle-hops` from now on. */
  nameCluster(clusterId: string): void {
    this.#clusterId = clusterId;
    this.#ownLines = this.#plainLines + toHopsLine(clusterId);
  }

  /** When the engine last sent anything, on the clock; proves it alive however busy it is. */
  get lastByteAt(): number {
    return this.#lastByteAt;
  }

  call(request: EngineRequest, observer: CallObserver): RunningCall {
    return new Call(observer, this.#host).start(request);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#idle.length = 0;
    await Promise.all([...this.#connections].map((each) => new Promise<void>((resolve) => each.destroy(resolve))));
  }

  readonly #host: CallHost = {
    take: (fresh) => (fresh ? undefined : this.#takeIdle()) ?? this.#open(),
    give: (connection) => {
      if (!connection.isUsable) return;
      if (this.#isClosed || this.#idle.length >= idleMax) return connection.destroy();
      connection.rest();
      const { keepMs: told } = connection;
      const keepMs = told === undefined ? idleMaxMs : Math.min(idleMaxMs, told - keepMarginMs);
      this.#idle.push({ connection, until: this.#clock.now() + keepMs });
      this.#sweepLater();
    },
    sawBytes: () => {
      this.#lastByteAt = this.#clock.now();
    },
    now: () => this.#clock.now(),
    headOf: (request) => this.#headOf(request),
  };

  #open(): HttpConnection {
    const connection = new HttpConnection(this.#address, (gone) => this.#connections.delete(gone));
    this.#connections.add(connection);
    return connection;
  }

  #takeIdle(): HttpConnection | undefined {
    const now = this.#clock.now();
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      const { connection, until } = idle;
      if (!connection.isUsable) continue;
      if (until > now) {
        connection.wake();
        return connection;
      }
      connection.destroy();
    }
    return undefined;
  }

  #headOf({ method, path, body, hops, contentLength }: EngineRequest): string {
    const start = `${method} ${path} HTTP/1.1\r\n${hops === undefined ? this.#ownLines : this.#linesAfter(hops)}`;
    if (body === undefined) return `${start}\r\n`;
    if (isStream(body)) {
      const length = contentLength === undefined ? 'transfer-encoding: chunked' : `content-length: ${contentLength}`;
      return `${start}content-type: application/octet-stream\r\n${length}\r\n\r\n`;
    }
    return `${start}content-type: application/json\r\ncontent-length: ${lengthOf(body)}\r\n\r\n`;
  }

  #linesAfter(hops: string): string {
    return this.#plainLines + toHopsLine(this.#clusterId === undefined ? hops : `${hops}, ${this.#clusterId}`);
  }

  #sweepLater(): void {
    if (this.#isSweeping || this.#isClosed) return;
    this.#isSweeping = true;
    this.#clock.schedule(idleMaxMs, () => {
      this.#isSweeping = false;
      const now = this.#clock.now();
      const kept = this.#idle.filter(({ connection, until }) => {
        const isKept = connection.isUsable && until > now;
        if (!isKept) connection.destroy();
        return isKept;
      });
      this.#idle.splice(0, this.#idle.length, ...kept);
      if (kept.length > 0) this.#sweepLater();
    });
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  return bytes;
}

function toSent({ body, contentLength }: EngineRequest): RequestBody | undefined {
  return body !== undefined && isStream(body) && contentLength === undefined ? inChunks(body) : body;
}

/** HTTP's framing of a body whose length nobody knows. One that throws has no last chunk, so that the engine takes it for broken. */
async function* inChunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) {
    if (bytes.byteLength === 0) continue;
    yield Buffer.from(`${bytes.byteLength.toString(16)}\r\n`, 'latin1');
    yield bytes;
    yield lineEnd;
  }
  yield Buffer.from('0\r\n\r\n', 'latin1');
}

const lineEnd = Buffer.from('\r\n', 'latin1');

/** What came from others must not end its line. */
function toHopsLine(hops: string): string {
  return `x-waggle-hops: ${hops.replaceAll(/[^\x20-\x7e]/g, '')}\r\n`;
}

interface IdleConnection {
  readonly connection: HttpConnection;
  readonly until: number;
}

/** Idle connections are closed after seconds; this bounds what a burst leaves behind. */
const idleMax = 256;
/** Servers close idle connections after 5 s and more; ours go before theirs do. */
const idleMaxMs = 4_000;
const keepMarginMs = 1_000;
/** A connection that was closed by the engine while our request was on its way shows at once. */
const staleWithinMs = 1_000;
/** A larger request has a new connection: it need not be kept to be sent again. */
const repeatedMaxBytes = 65_536;

interface CallHost {
  /** A connection for one call; `fresh`: not one that was used before. */
  take(fresh: boolean): HttpConnection;
  give(connection: HttpConnection): void;
  sawBytes(): void;
  now(): number;
  headOf(request: EngineRequest): string;
}

type CallState = 'running' | 'finished' | 'aborted';

class Call implements RunningCall, ConnectionUser {
  /** Undefined once it cannot be sent again. */
  #request: EngineRequest | undefined;
  readonly #observer: CallObserver;
  readonly #host: CallHost;
  /** Undefined once the answer is whole. */
  #connection: HttpConnection | undefined;
  #state: CallState = 'running';
  #wasAnswered = false;
  #startedAt = 0;
  #isPaused = false;
  /** What is to be said when the reader has caught up. */
  #last: (() => void) | undefined;

  constructor(observer: CallObserver, host: CallHost) {
    this.#observer = observer;
    this.#host = host;
  }

  start(request: EngineRequest, isRetry = false): this {
    const { method, body } = request;
    const isRepeatable = body === undefined || (!isStream(body) && lengthOf(body) <= repeatedMaxBytes);
    const connection = this.#host.take(isRetry || !isRepeatable);
    this.#connection = connection;
    this.#startedAt = this.#host.now();
    // What a new connection breaks over is not sent again.
    this.#request = connection.answered === 0 ? undefined : request;
    connection.send(this.#host.headOf(request), toSent(request), method === 'HEAD', this);
    return this;
  }

  abort(closed: () => void = () => {}): void {
    if (this.#state !== 'running') return closed();
    this.#state = 'aborted';
    if (this.#connection === undefined) closed();
    else this.#connection.destroy(closed);
  }

  resume(): void {
    if (!this.#isPaused || this.#state !== 'running') return;
    this.#isPaused = false;
    if (this.#last !== undefined) this.#last();
    else this.#connection?.resume();
  }

  head(status: number, headers: EngineHeaders): void {
    if (this.#state !== 'running') return;
    this.#wasAnswered = true;
    this.#host.sawBytes();
    this.#observer.head(status, headers);
  }

  data(bytes: Buffer): void {
    if (this.#state !== 'running') return;
    this.#host.sawBytes();
    if (this.#observer.data(bytes)) return;
    this.#isPaused = true;
    this.#connection?.pause();
  }

  complete(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) {
      if (this.#isPaused) connection.resume();
      this.#host.give(connection);
    }
    this.#finish(() => this.#observer.ended());
  }

  broken(error: Error): void {
    if (this.#state !== 'running') return;
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.#request !== undefined && this.#isStale()) {
      this.start(this.#request, true);
      return;
    }
    const failure: CallFailure = toCallFailure(error, connection?.isOpen !== false);
    this.#finish(() => this.#observer.failed(failure));
  }

  /** What came before is read first, however slowly. */
  #finish(say: () => void): void {
    if (this.#state !== 'running') return;
    // Assigned to the field at once it would be made in old space, and hold the whole job there.
    const last = () => {
      this.#state = 'finished';
      say();
    };
    this.#last = last;
    if (!this.#isPaused) last();
  }

  /** The engine closed an idle connection just as it was used again: it never saw the request. */
  #isStale(): boolean {
    return !this.#wasAnswered && this.#host.now() - this.#startedAt < staleWithinMs;
  }
}
