import type { EngineHeaders } from '@waggle/shared/dialects/dialect.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Dispatcher } from 'undici';
import Client from 'undici/lib/dispatcher/client.js';
import { toCallFailure } from './call-failure.ts';
import type { CallFailure, CallObserver, EngineRequest, RunningCall } from './engine-call.ts';

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
 */
export class EngineHttp {
  readonly origin: string;
  readonly #clock: Clock;
  /** Of a request with a JSON body, and of one without a body: made once. */
  readonly #jsonHeaders: readonly string[];
  readonly #bareHeaders: readonly string[];
  readonly #idle: Connection[] = [];
  readonly #connections = new Set<Connection>();
  #lastByteAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor({ origin, apiKey, clock }: EngineHttpOptions) {
    this.origin = origin;
    this.#clock = clock;
    this.#bareHeaders = apiKey === undefined ? [] : ['authorization', `Bearer ${apiKey}`];
    this.#jsonHeaders = [...this.#bareHeaders, 'content-type', 'application/json'];
  }

  /** When the engine last sent anything, on the clock; proves it alive however busy it is. */
  get lastByteAt(): number {
    return this.#lastByteAt;
  }

  call(request: EngineRequest, observer: CallObserver): RunningCall {
    return new Call(request, observer, this.#host).start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#connections];
    this.#connections.clear();
    this.#idle.length = 0;
    await Promise.all(all.map(({ client }) => client.destroy()));
  }

  readonly #host: CallHost = {
    take: (fresh) => {
      if (!fresh) {
        const idle = this.#idle.pop();
        if (idle !== undefined) return idle;
      }
      const connection = new Connection(this.origin);
      this.#connections.add(connection);
      return connection;
    },
    give: (connection) => {
      if (this.#closed || this.#idle.length >= idleMax) this.#host.drop(connection);
      else this.#idle.push(connection);
    },
    drop: (connection, closed) => {
      this.#connections.delete(connection);
      connection.destroy(closed);
    },
    sawBytes: () => {
      this.#lastByteAt = this.#clock.now();
    },
    now: () => this.#clock.now(),
    headersFor: (request) => this.#headersFor(request),
  };

  #headersFor({ body, contentLength }: EngineRequest): readonly string[] {
    if (body === undefined) return this.#bareHeaders;
    if (!isStream(body)) return this.#jsonHeaders;
    const length = contentLength === undefined ? [] : ['content-length', String(contentLength)];
    return [...this.#bareHeaders, 'content-type', 'application/octet-stream', ...length];
  }
}

/** Idle connections close by themselves after seconds; this bounds what a burst leaves behind. */
const idleMax = 256;
/** Servers close idle connections after 5 s and more; ours go before theirs do. */
const keepAliveMs = 4_000;
const connectTimeoutMs = 5_000;
/** A connection that was closed by the engine while our request was on its way shows at once. */
const staleWithinMs = 1_000;

interface CallHost {
  /** A connection for one call; `fresh`: not one that was used before. */
  take(fresh: boolean): Connection;
  give(connection: Connection): void;
  drop(connection: Connection, closed?: () => void): void;
  sawBytes(): void;
  now(): number;
  headersFor(request: EngineRequest): readonly string[];
}

/** One keep-alive connection: it is dialled with the first call, and again when it was lost between calls. */
class Connection {
  readonly client: Client;
  /** Sockets opened so far. */
  opened = 0;
  /** Whether the last of them is open, seen from here. */
  isOpen = false;

  constructor(origin: string) {
    this.client = new Client(origin, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      connect: { timeout: connectTimeoutMs },
      allowH2: false,
      maxHeaderSize: 65_536,
    });
    this.client.on('connect', () => {
      this.opened++;
      this.isOpen = true;
    });
    this.client.on('disconnect', () => {
      this.isOpen = false;
    });
  }

  destroy(closed: () => void = () => {}): void {
    this.client.destroy(null, closed);
  }
}

type CallState = 'running' | 'finished' | 'aborted';

class Call implements RunningCall, Dispatcher.DispatchHandler {
  readonly #request: EngineRequest;
  readonly #observer: CallObserver;
  readonly #host: CallHost;
  #connection: Connection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #state: CallState = 'running';
  #begun = false;
  #answered = false;
  /** Number of the open socket the connection had at the start; 0: none. */
  #socketAtStart = 0;
  #startedAt = 0;
  #isRetry = false;
  #chunks: Uint8Array[] = [];
  #flushing = false;
  #paused = false;
  #complete = false;
  #failure: CallFailure | undefined;

  constructor(request: EngineRequest, observer: CallObserver, host: CallHost) {
    this.#request = request;
    this.#observer = observer;
    this.#host = host;
  }

  start(): this {
    const connection = this.#host.take(this.#isRetry);
    this.#connection = connection;
    this.#socketAtStart = connection.isOpen ? connection.opened : 0;
    this.#startedAt = this.#host.now();
    this.#begun = false;
    const { method, path, body = null } = this.#request;
    // undici takes any async iterable; its types name the common ones only.
    const sent = body as Dispatcher.DispatchOptions['body'];
    const headers = this.#host.headersFor(this.#request) as string[];
    connection.client.dispatch({ method, path, headers, body: sent }, this);
    return this;
  }

  abort(closed: () => void = () => {}): void {
    if (this.#state !== 'running') return closed();
    this.#state = 'aborted';
    this.#chunks = [];
    this.#drop(closed);
  }

  resume(): void {
    if (!this.#paused || this.#state !== 'running') return;
    this.#paused = false;
    this.#flush();
    if (!this.#paused && this.#connection !== undefined) this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#begun = true;
    if (this.#connection?.opened !== this.#socketAtStart) this.#socketAtStart = 0;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: EngineHeaders): void {
    if (status < 200 || this.#state !== 'running') return;
    this.#answered = true;
    this.#host.sawBytes();
    this.#observer.head(status, headers);
  }

  // The parser calls this for every HTTP chunk; those of one read belong together and go on together.
  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#state !== 'running') return;
    this.#chunks.push(chunk);
    if (this.#flushing || this.#paused) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  onResponseEnd(): void {
    if (this.#state !== 'running') return;
    this.#complete = true;
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) this.#host.give(connection);
    this.#flush();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#state !== 'running') return;
    this.#drop();
    if (this.#isStale()) {
      this.#isRetry = true;
      this.start();
      return;
    }
    // What came before the connection broke is read all the same, however slowly.
    this.#failure = toCallFailure(error, this.#begun);
    this.#flush();
  }

  /** The engine closed an idle connection just as it was used again: it never saw the request. */
  #isStale(): boolean {
    if (this.#isRetry || this.#answered || this.#socketAtStart === 0 || !this.#begun || isStream(this.#request.body))
      return false;
    return this.#host.now() - this.#startedAt < staleWithinMs;
  }

  #flush(): void {
    if (this.#state !== 'running' || this.#paused) return;
    const chunks = this.#chunks;
    const [first] = chunks;
    if (first !== undefined) {
      this.#chunks = [];
      this.#host.sawBytes();
      const bytes = chunks.length === 1 ? first : Buffer.concat(chunks);
      if (!this.#observer.data(bytes)) {
        // The observer may have resumed or aborted already.
        this.#paused = true;
        if (this.#connection !== undefined) this.#controller?.pause();
        return;
      }
    }
    if (this.#state !== 'running' || (!this.#complete && this.#failure === undefined)) return;
    this.#state = 'finished';
    if (this.#failure === undefined) this.#observer.ended();
    else this.#observer.failed(this.#failure);
  }

  #drop(closed?: () => void): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) closed?.();
    else this.#host.drop(connection, closed);
  }
}

function isStream(body: EngineRequest['body']): body is AsyncIterable<Uint8Array> {
  return body !== undefined && !(body instanceof Uint8Array);
}
