import type { IncomingMessage, ServerResponse } from 'node:http';
import { handleControlRequest } from './control-http.ts';
import { CoreRefusal } from './core-refusal.ts';
import type { DialectServer, Route } from './dialect-server.ts';
import type { EngineControl } from './engine-control.ts';
import { Exchange, type ExchangeWatch } from './exchange.ts';
import type { Fault, FaultBoard } from './faults.ts';
import { epochMs } from './pause.ts';
import type { RequestLog } from './request-log.ts';
import type { RequestRecord } from './request-record.ts';

/** Takes every request of an engine: to the switches, to the dialect's probes, or through the faults to its answers. */
export class RequestHandler {
  control: EngineControl | undefined;
  readonly #watch: ExchangeWatch;
  readonly #probeWatch: ExchangeWatch;
  readonly #dialect: DialectServer;
  readonly #board: FaultBoard;
  readonly #log: RequestLog;

  constructor(dialect: DialectServer, board: FaultBoard, log: RequestLog, saysKeepAlive: boolean) {
    this.#dialect = dialect;
    this.#board = board;
    this.#log = log;
    const dropped = () => this.control?.dropping === true;
    this.#watch = { log, saysKeepAlive, dropped };
    this.#probeWatch = { saysKeepAlive, dropped };
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '/';
    const queryAt = url.indexOf('?');
    const path = queryAt < 0 ? url : url.slice(0, queryAt);
    const method = request.method ?? 'GET';
    if (this.control !== undefined && (path === '/ctl' || path.startsWith('/ctl/'))) {
      handleControlRequest(this.control, request, response);
      return;
    }
    const route = this.#dialect.route(method, path);
    if (route === undefined || route.kind === 'probe') this.#probe(request, response, path, route);
    else readBody(request, (bodyText) => void this.#answer(request, response, path, route, bodyText));
  }

  #probe(request: IncomingMessage, response: ServerResponse, path: string, route: Route | undefined): void {
    this.#log.countProbe();
    request.resume();
    const exchange = new Exchange(response, toRecord(request, 0, path, ''), this.#probeWatch);
    if (route === undefined) this.#dialect.missing(exchange, path);
    else void route.run(exchange);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, path: string, route: Route, bodyText: string) {
    const record = toRecord(request, this.#log.nextId(), path, bodyText);
    const exchange = new Exchange(response, record, this.#watch);
    this.#log.add(record);
    try {
      if (route.kind === 'inference') exchange.fault = this.#board.take(record);
      if (exchange.fault === undefined || (await this.#survives(exchange, exchange.fault))) await route.run(exchange);
    } catch (error) {
      if (!exchange.gone) this.#refuse(exchange, error);
      else if (!(error instanceof CoreRefusal)) throw error;
    }
    exchange.finish(exchange.gone ? 'client-gone' : 'done');
  }

  /** An error that is no answer of the dialect is a mistake in a script: the client is not left waiting, and it is thrown on. */
  #refuse(exchange: Exchange, error: unknown): void {
    try {
      this.#dialect.refuse(exchange, error);
    } catch (mistake) {
      exchange.breakOff(true);
      throw mistake;
    }
  }

  /** Faults that come before the engine does anything; false: that was the answer. */
  async #survives(exchange: Exchange, fault: Fault): Promise<boolean> {
    switch (fault.kind) {
      case 'status':
        exchange.finish('fault');
        this.#dialect.sendFault(exchange, fault);
        return false;
      case 'hang':
        await exchange.sleep(Number.POSITIVE_INFINITY);
        return false;
      case 'slow-headers':
        await exchange.sleep(fault.delayMs);
        return !exchange.gone;
      default:
        return true;
    }
  }
}

function readBody(request: IncomingMessage, then: (text: string) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const [only] = chunks;
    then(chunks.length === 1 && only !== undefined ? only.toString() : Buffer.concat(chunks).toString());
  });
}

function toRecord(request: IncomingMessage, id: number, path: string, bodyText: string): RequestRecord {
  const body = bodyText === '' ? undefined : parseJson(bodyText);
  return {
    id,
    method: request.method ?? 'GET',
    path,
    headers: request.headers,
    startedAt: epochMs(),
    bodyText,
    body,
    model: readModelName(body),
    tokensSent: 0,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `model`, or its older name; Ollama's own client sends both, one of them empty. */
function readModelName(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const { model, name } = body as Record<string, unknown>;
  if (typeof model === 'string' && model !== '') return model;
  return typeof name === 'string' ? name : '';
}
