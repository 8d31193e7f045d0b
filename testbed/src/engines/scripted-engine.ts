import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ask, Residence } from './ask.ts';
import { handleControlRequest } from './control-http.ts';
import { CoreRefusal } from './core-refusal.ts';
import { EngineControl } from './engine-control.ts';
import { EngineCore, type LeavingPolicy, type Turn } from './engine-core.ts';
import { EngineServer } from './engine-server.ts';
import { Exchange, type ExchangeWatch } from './exchange.ts';
import { type Fault, FaultBoard } from './faults.ts';
import { epochMs } from './pause.ts';
import type { PerformOptions } from './perform.ts';
import { RequestLog } from './request-log.ts';
import type { RequestRecord } from './request-record.ts';
import type { ScriptedModel } from './scripted-model.ts';

/** What every dialect's engine takes. Everything but the models may be left out. */
export interface EngineOptions {
  readonly models: readonly ScriptedModel[];
  /** 0: any free one. */
  readonly port?: number;
  readonly host?: string;
  /** Parallel requests of a model that says nothing itself. */
  readonly slots?: number;
  /** Multiplies every duration; 0: nothing takes time and no timer is set. */
  readonly timeScale?: number;
  readonly leaving?: LeavingPolicy;
  /** Deltas per write where nothing paces them; 1, as engines flush each, unless a bench wants less work done here. */
  readonly deltasPerWrite?: number;
  /** Requests that are remembered at least. */
  readonly recordLimit?: number;
  /** Idle milliseconds after which a kept connection is closed; 0: never. */
  readonly keepAliveMs?: number;
  /** Requests per connection; 0: no limit. */
  readonly maxRequestsPerSocket?: number;
}

/** How a dialect answers. Handlers may throw or reject; `refuse` then finds the words. */
export interface DialectServer {
  route(method: string, path: string): Route | undefined;
  /** Answers what no route is for. */
  missing(exchange: Exchange, path: string): void;
  refuse(exchange: Exchange, error: unknown): void;
  /** The dialect's own words for an HTTP status. */
  sendFault(exchange: Exchange, fault: Extract<Fault, { readonly kind: 'status' }>): void;
}

export interface Route {
  /**
   * `probe`: no body, not recorded. `operation`: a body, recorded. `inference`: recorded, and what faults are for.
   */
  readonly kind: 'probe' | 'operation' | 'inference';
  run(exchange: Exchange): void | Promise<void>;
}

/** What a dialect's handlers share. */
export interface EngineParts {
  readonly core: EngineCore;
  readonly log: RequestLog;
  readonly play: PerformOptions;
  begin(exchange: Exchange, ask: Ask, residence: Residence): Promise<Turn>;
}

export interface ScriptedEngine extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly core: EngineCore;
  readonly control: EngineControl;
  readonly requests: RequestLog;
  /** Short for `requests.waitFor`. */
  waitFor(predicate: (record: RequestRecord) => boolean): Promise<RequestRecord>;
}

export interface DialectDefinition {
  readonly defaults: {
    readonly slots: number;
    readonly tagged: boolean;
    readonly maxLoaded: number;
    readonly maxQueue: number;
    readonly defaultNumCtx: number;
    readonly keepAliveMs: number;
    readonly keepConnectionMs: number;
    readonly maxRequestsPerSocket: number;
  };
  createServer(parts: EngineParts): DialectServer;
}

export async function startScriptedEngine(options: EngineOptions, dialect: DialectDefinition): Promise<ScriptedEngine> {
  const { defaults } = dialect;
  const log = new RequestLog(options.recordLimit ?? 1000);
  const leaving = options.leaving ?? 'stop';
  const core = new EngineCore(
    {
      ...defaults,
      slots: options.slots ?? defaults.slots,
      timeScale: options.timeScale ?? 1,
      models: options.models,
      leaving,
    },
    () => log.changed(),
  );
  const parts: EngineParts = {
    core,
    log,
    play: { deltasPerWrite: options.deltasPerWrite ?? 1, playsOn: leaving === 'never' },
    begin: (exchange, ask, residence) => core.begin(ask, residence, exchange.signal),
  };
  const board = new FaultBoard((left, right) => core.findModel(left) === core.findModel(right));
  const handler = new RequestHandler(dialect.createServer(parts), board, log);
  const server = await EngineServer.start({
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    keepAliveMs: options.keepAliveMs ?? defaults.keepConnectionMs,
    maxRequestsPerSocket: options.maxRequestsPerSocket ?? defaults.maxRequestsPerSocket,
    handle: (request, response) => handler.handle(request, response),
  });
  const control = new EngineControl(core, board, log, server);
  handler.control = control;
  return {
    url: server.url,
    port: server.port,
    core,
    control,
    requests: log,
    waitFor: (predicate) => log.waitFor(predicate),
    [Symbol.asyncDispose]: async () => {
      log.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

class RequestHandler {
  control: EngineControl | undefined;
  readonly #watch: ExchangeWatch;
  readonly #dialect: DialectServer;
  readonly #board: FaultBoard;
  readonly #log: RequestLog;

  constructor(dialect: DialectServer, board: FaultBoard, log: RequestLog) {
    this.#dialect = dialect;
    this.#board = board;
    this.#log = log;
    this.#watch = { log, dropped: () => this.control?.listening === false };
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
    const exchange = new Exchange(request, response, toRecord(request, 0, path, ''), { dropped: () => false });
    if (route === undefined) this.#dialect.missing(exchange, path);
    else void route.run(exchange);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, path: string, route: Route, bodyText: string) {
    const record = toRecord(request, this.#log.nextId(), path, bodyText);
    const exchange = new Exchange(request, response, record, this.#watch);
    this.#log.add(record);
    try {
      if (route.kind === 'inference') exchange.fault = this.#board.take(path, record.model);
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

function readModelName(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const { model, name } = body as Record<string, unknown>;
  if (typeof model === 'string') return model;
  return typeof name === 'string' ? name : '';
}
