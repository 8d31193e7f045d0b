import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { Placed } from '../scheduling/held-job.ts';
import type { Placement } from '../scheduling/placement.ts';
import type { InferenceRequest } from './inference.ts';
import type { ResolvedModel } from './resolve-model.ts';

export interface JobStart {
  readonly placed: Placed;
  /** 1 for the first one. */
  readonly attempt: number;
  /** Until the client's deadline. */
  readonly remainingMs: number | undefined;
}

/** What travels with the body to the node. */
export function toJobHeader(request: InferenceRequest, { placed, attempt, remainingMs }: JobStart): JobHeader {
  const { facts, traceparent, hops, requestId, answer, priority } = request;
  const { engineId, model } = placed.placement;
  return {
    jobId: requestId,
    attempt,
    requestId,
    endpoint: facts.endpoint,
    engineId,
    model,
    answerModel: facts.model,
    stream: facts.stream,
    answer,
    priority,
    pins: placed.pins,
    hops,
    ...(remainingMs === undefined ? {} : { remainingMs: Math.max(0, remainingMs) }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

/** Jobs that any place takes or refuses alike share a line of the hold queue. */
export function toLine(
  { facts }: InferenceRequest,
  { targets, onlyNode }: Pick<ResolvedModel, 'targets' | 'onlyNode'>,
  tried: Iterable<Placement>,
): string {
  const { needs, numCtx, startOptions } = facts;
  let line = `${targets.join('|')}@${onlyNode ?? ''}#${needs.join('+')}#${numCtx ?? ''}`;
  if (startOptions !== undefined) line += JSON.stringify(startOptions);
  for (const place of tried) line += `!${place.node}/${place.engineId}/${place.model}`;
  return line;
}
