import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Fault } from './faults.ts';
import { epochMs } from './pause.ts';
import type { RequestLog } from './request-log.ts';
import type { RequestRecord } from './request-record.ts';

export interface ExchangeWatch {
  /** Absent: the request is not worth a record. */
  readonly log?: RequestLog;
  /** Answers say in words that the connection stays. */
  readonly saysKeepAlive: boolean;
  /** The engine itself breaks its connections now. */
  readonly dropped: () => boolean;
}

/** One request and its answer, with everything that is written down about it. */
export class Exchange {
  readonly record: RequestRecord;
  /** Switched on for this request; whoever writes the answer obeys it. */
  fault: Fault | undefined;
  readonly #response: ServerResponse;
  readonly #log: RequestLog | undefined;
  readonly #dropped: () => boolean;
  readonly #saysKeepAlive: boolean;
  #leaving: AbortController | undefined;
  #wake: (() => void) | undefined;
  #flow: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #gone = false;

  constructor(response: ServerResponse, record: RequestRecord, watch: ExchangeWatch) {
    this.#response = response;
    this.record = record;
    this.#log = watch.log;
    this.#dropped = watch.dropped;
    this.#saysKeepAlive = watch.saysKeepAlive;
    response.on('close', () => this.#closed());
    response.on('drain', () => this.#drained());
  }

  get method(): string {
    return this.record.method;
  }

  /** The connection closed before the answer was complete. */
  get gone(): boolean {
    return this.#gone;
  }

  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Aborted when the client leaves. Made only when it is asked for: most requests never wait. */
  readonly signal = (): AbortSignal => {
    if (this.#leaving === undefined) {
      this.#leaving = new AbortController();
      if (this.#gone) this.#leaving.abort();
    }
    return this.#leaving.signal;
  };

  /** Status line and headers, sent with the first bytes of the body. */
  head(status: number, headers: OutgoingHttpHeaders): void {
    this.record.status = status;
    // Neither Go nor uvicorn says keep-alive in words; that a connection ends is always said.
    if (!this.#saysKeepAlive && this.#response.shouldKeepAlive) this.#response.removeHeader('connection');
    this.#response.writeHead(status, headers);
  }

  /** Sends the headers now, though there is no body yet. */
  flushHead(): void {
    this.#began();
    this.#response.flushHeaders();
  }

  /** False: the client reads too slowly; wait for `drained` before the next write. */
  write(text: string): boolean {
    this.#began();
    return this.#response.write(text);
  }

  end(text?: string): void {
    this.#began();
    if (text === undefined || text === '') this.#response.end();
    else this.#response.end(text);
  }

  /** A whole answer; its length is not told, and the body chunked, if it is longer than `knownLength` characters. */
  send(status: number, headers: OutgoingHttpHeaders, body: string, knownLength = Number.POSITIVE_INFINITY): void {
    const chunked = body.length > knownLength;
    this.head(status, chunked ? headers : { ...headers, 'content-length': Buffer.byteLength(body) });
    if (this.method === 'HEAD') this.end();
    else if (!chunked) this.end(body);
    else {
      this.write(body);
      this.end();
    }
  }

  /** Resolves when the client has taken what was written, or left. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#gone || !this.#response.writableNeedDrain) resolve();
      else this.#flow = resolve;
    });
  }

  /** Resolves after `ms` (Infinity: never) or when the client leaves. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#gone || ms <= 0) {
        resolve();
        return;
      }
      this.#wake = resolve;
      if (ms !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#resume(), ms);
    });
  }

  /** Breaks the connection after what was written has been sent. */
  breakOff(reset: boolean): void {
    this.finish('fault');
    const { socket } = this.#response;
    if (socket === null) return;
    const destroy = () => {
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
    };
    // An empty write is called back after everything before it.
    if (this.begun && !socket.destroyed) socket.write('', destroy);
    else destroy();
  }

  /** The engine is done with this request. Called once or more; the first call counts. */
  finish(outcome: NonNullable<RequestRecord['outcome']>): void {
    if (this.record.outcome !== undefined) return;
    this.record.outcome = outcome;
    this.record.endedAt = epochMs();
    this.#log?.ended(this.record, outcome);
  }

  #began(): void {
    this.record.firstByteAt ??= epochMs();
    this.#log?.changed(this.record);
  }

  #drained(): void {
    const flow = this.#flow;
    this.#flow = undefined;
    flow?.();
  }

  #resume(): void {
    clearTimeout(this.#timer);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #closed(): void {
    if (this.record.outcome !== undefined) return;
    // All of it went out: the close that follows every answer may come before whoever wrote it says so.
    if (this.#response.writableFinished) {
      this.finish('done');
      return;
    }
    this.#gone = true;
    if (this.#dropped()) this.finish('fault');
    else {
      this.record.clientGoneAt = epochMs();
      this.#log?.changed(this.record);
    }
    this.#leaving?.abort();
    this.#drained();
    this.#resume();
  }
}
