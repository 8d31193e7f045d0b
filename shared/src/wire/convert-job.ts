import type { Timings, Usage } from '../chat/chat-event.ts';
import type { EndpointName } from '../chat/endpoints.ts';
import type {
  DeclineReason,
  FailureCause,
  JobEnd,
  JobFailure,
  JobPins,
  Priority,
  StartOptions,
} from '../cluster/job.ts';
import { parseObject } from '../dialects/json/json-value.ts';
import { isErrorCode } from '../errors/error-codes.ts';
import { toCount, toOptionalCount } from './counts.ts';
import * as wire from './generated/waggle/v1/job.ts';

const endpointNumbers: Record<EndpointName, wire.Endpoint> = {
  'ollama.chat': wire.Endpoint.OLLAMA_CHAT,
  'ollama.generate': wire.Endpoint.OLLAMA_GENERATE,
  'ollama.embed': wire.Endpoint.OLLAMA_EMBED,
  'ollama.embeddings': wire.Endpoint.OLLAMA_EMBEDDINGS,
  'openai.chat': wire.Endpoint.OPENAI_CHAT,
  'openai.completions': wire.Endpoint.OPENAI_COMPLETIONS,
  'openai.embeddings': wire.Endpoint.OPENAI_EMBEDDINGS,
};

const priorityNumbers: Record<Priority, wire.Priority> = {
  normal: wire.Priority.NORMAL,
  high: wire.Priority.HIGH,
  low: wire.Priority.LOW,
};

const declineNumbers: Record<DeclineReason, wire.DeclineReason> = {
  draining: wire.DeclineReason.DRAINING,
  'no-slot': wire.DeclineReason.NO_SLOT,
  'foreign-load': wire.DeclineReason.FOREIGN_LOAD,
  'unknown-engine': wire.DeclineReason.UNKNOWN_ENGINE,
  'busy-lane': wire.DeclineReason.BUSY_LANE,
};

const outcomeNumbers: Record<JobEnd['outcome'], wire.Outcome> = {
  done: wire.Outcome.DONE,
  failed: wire.Outcome.FAILED,
  cancelled: wire.Outcome.CANCELLED,
};

const endpointsByNumber = invert(endpointNumbers);
const prioritiesByNumber = invert(priorityNumbers);
const declinesByNumber = invert(declineNumbers);
const outcomesByNumber = invert(outcomeNumbers);

const failureCauses: readonly FailureCause[] = [
  'request',
  'unreachable',
  'engine',
  'rate-limited',
  'auth',
  'forbidden',
  'internal',
];

export const toWireEndpoint = (endpoint: EndpointName): number => endpointNumbers[endpoint];
export const toWirePriority = (priority: Priority): number => priorityNumbers[priority];
export const toWireDecline = (reason: DeclineReason): number => declineNumbers[reason];
export const toWireOutcome = (outcome: JobEnd['outcome']): number => outcomeNumbers[outcome];

/** Undefined: an endpoint of a later version. */
export const fromWireEndpoint = (endpoint: number): EndpointName | undefined => endpointsByNumber[endpoint];
export const fromWirePriority = (priority: number): Priority => prioritiesByNumber[priority] ?? 'normal';
/** A reason of a later version is as good as any: the job goes elsewhere. */
export const fromWireDecline = (reason: number): DeclineReason => declinesByNumber[reason] ?? 'no-slot';
const fromWireOutcome = (outcome: number): JobEnd['outcome'] => outcomesByNumber[outcome] ?? 'failed';

export function fromWirePins(pins: wire.JobPins | undefined): JobPins {
  if (pins === undefined) return {};
  const { numCtx, keepAliveSeconds, startOptions } = pins;
  return {
    ...(numCtx === undefined ? {} : { numCtx }),
    ...(keepAliveSeconds === undefined ? {} : { keepAliveSeconds }),
    ...(startOptions === undefined ? {} : { startOptions: fromWireOptions(startOptions) }),
  };
}

export function toWirePins({ numCtx, keepAliveSeconds, startOptions }: JobPins): wire.JobPins {
  return {
    numCtx: toOptionalCount(numCtx),
    keepAliveSeconds,
    startOptions: startOptions && toWireOptions(startOptions),
  };
}

export const toWireOptions = (options: StartOptions): string => JSON.stringify(options);

function fromWireOptions(text: string): StartOptions {
  const options: Record<string, number | boolean> = {};
  for (const [name, value] of Object.entries(parseObject(text) ?? {}))
    if (typeof value === 'number' || typeof value === 'boolean') options[name] = value;
  return options;
}

export function fromWireEnd({ outcome, failure, usage, timings, estimated }: wire.JobEnd): JobEnd {
  return {
    outcome: fromWireOutcome(outcome),
    ...(failure === undefined ? {} : { failure: fromWireFailure(failure) }),
    ...(usage === undefined ? {} : { usage: fromWireUsage(usage) }),
    ...(timings === undefined ? {} : { timings: fromWireTimings(timings) }),
    ...(estimated ? { estimated } : {}),
  };
}

export function fromWireFailure({ cause, code, message, ...rest }: wire.JobFailure): JobFailure {
  const { engineStatus, engineBody, retryAfterMs, param } = rest;
  return {
    cause: failureCauses.find((known) => known === cause) ?? 'internal',
    code: isErrorCode(code) ? code : 'internal',
    message,
    ...(engineStatus === undefined ? {} : { engineStatus }),
    ...(engineBody === undefined ? {} : { engineBody }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(param === undefined ? {} : { param }),
  };
}

export function toWireFailure({ engineStatus, engineBody, retryAfterMs, param, ...rest }: JobFailure): wire.JobFailure {
  return { ...rest, engineStatus: toOptionalCount(engineStatus), engineBody, retryAfterMs, param };
}

export function fromWireUsage({ promptTokens, completionTokens, cachedTokens }: wire.Usage): Usage {
  return { promptTokens, completionTokens, ...(cachedTokens === undefined ? {} : { cachedTokens }) };
}

export function toWireUsage({ promptTokens, completionTokens, cachedTokens }: Usage): wire.Usage {
  return {
    promptTokens: toCount(promptTokens),
    completionTokens: toCount(completionTokens),
    cachedTokens: toOptionalCount(cachedTokens),
  };
}

export function fromWireTimings({ totalMs, loadMs, prefillMs, decodeMs }: wire.Timings): Timings {
  return {
    ...(totalMs === undefined ? {} : { totalMs }),
    ...(loadMs === undefined ? {} : { loadMs }),
    ...(prefillMs === undefined ? {} : { prefillMs }),
    ...(decodeMs === undefined ? {} : { decodeMs }),
  };
}

export function toWireTimings({ totalMs, loadMs, prefillMs, decodeMs }: Timings): wire.Timings {
  return { totalMs, loadMs, prefillMs, decodeMs };
}

function invert<Name extends string>(numbers: Record<Name, number>): readonly (Name | undefined)[] {
  const names: (Name | undefined)[] = [];
  for (const [name, number] of Object.entries(numbers)) names[number as number] = name as Name;
  return names;
}
