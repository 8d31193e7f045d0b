import type { Timings, Usage } from '../chat/chat-event.ts';
import type { EndpointName } from '../chat/endpoints.ts';
import type { ErrorCode } from '../errors/error-codes.ts';

export const priorities = ['high', 'normal', 'low'] as const;
export type Priority = (typeof priorities)[number];

/** What travels with a job's body to the node that runs it. */
export interface JobHeader {
  readonly jobId: string;
  /** 1 for the first try of the job. */
  readonly attempt: number;
  /** The client's request id, for the logs of both tiers. */
  readonly requestId: string;
  readonly endpoint: EndpointName;
  readonly engineId: string;
  /** The engine's name of the model. */
  readonly model: string;
  /** The name the client wrote; answers carry it. */
  readonly answerModel: string;
  readonly stream: boolean;
  /** `native`: the client takes the engine's own bytes if the engine speaks the endpoint's dialect. `events`: typed events always. */
  readonly answer: 'native' | 'events';
  readonly priority: Priority;
  /** Milliseconds left of the client's deadline. */
  readonly remainingMs?: number;
  /** W3C traceparent. */
  readonly traceparent?: string;
  /** The clusters the request went through before this one, as its `x-waggle-hops` names them. */
  readonly hops?: string;
  readonly pins: JobPins;
}

/** Engine settings the orchestrator owns; the agent writes them over whatever the body says. */
export interface JobPins {
  /** Context the model is (to be) resident with. */
  readonly numCtx?: number;
  /** Ollama's keep_alive in seconds; negative: for ever. */
  readonly keepAliveSeconds?: number;
  readonly startOptions?: StartOptions;
}

/** Options Ollama starts a model with, by their names there (`num_thread`): with others, or without them, it loads the model again. */
export type StartOptions = Readonly<Record<string, number | boolean>>;

/** Why a node gives a job back without having begun it. */
export type DeclineReason = 'draining' | 'no-slot' | 'foreign-load' | 'unknown-engine' | 'busy-lane';

/**
 * What a failure means for routing.
 * `request`: caused by the request itself, neutral. `unreachable`: the engine refused the connection. `engine`: 5xx, a broken or
 * cut answer. `rate-limited`: 429. `auth`: 401 or 403, a configuration error. `forbidden`: the engine refused this model or this request,
 * others it may take. `internal`: the agent's own fault.
 */
export type FailureCause = 'request' | 'unreachable' | 'engine' | 'rate-limited' | 'auth' | 'forbidden' | 'internal';

export interface JobFailure {
  readonly cause: FailureCause;
  readonly code: ErrorCode;
  readonly message: string;
  /** The engine's HTTP status, where it gave one. */
  readonly engineStatus?: number;
  /** The engine's error body as it came, at most 64 KiB; handed on to a client of the same dialect. */
  readonly engineBody?: string;
  readonly retryAfterMs?: number;
  /** Name of the request field that is wrong. */
  readonly param?: string;
}

/** How a job ended on its node: said once, when the engine has stopped and the slot is free again. */
export interface JobEnd {
  readonly outcome: 'done' | 'failed' | 'cancelled';
  /** With `cancelled`: why the node gave the job up by itself. */
  readonly failure?: JobFailure;
  readonly usage?: Usage;
  readonly timings?: Timings;
  /** The engine does not show that it stopped: the slot is taken as free by prediction. */
  readonly estimated?: boolean;
}
