import type { Ask, Residence } from './ask.ts';
import type { DialectServer } from './dialect-server.ts';
import { EngineControl } from './engine-control.ts';
import { EngineCore, type LeavingPolicy, type Turn } from './engine-core.ts';
import { EngineServer } from './engine-server.ts';
import type { Exchange } from './exchange.ts';
import { FaultBoard } from './faults.ts';
import type { PerformOptions } from './perform.ts';
import { RequestHandler } from './request-handler.ts';
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
  const maxRequestsPerSocket = options.maxRequestsPerSocket ?? defaults.maxRequestsPerSocket;
  const handler = new RequestHandler(dialect.createServer(parts), board, log, maxRequestsPerSocket > 0);
  const server = await EngineServer.start({
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    keepAliveMs: options.keepAliveMs ?? defaults.keepConnectionMs,
    maxRequestsPerSocket,
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
