import { type AnswerBatch, toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { ResponseEnd } from '@waggle/shared/chat/chat-event.ts';
import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { InferenceRequest } from './inference.ts';

/** More texts than this are several jobs, so that one large call does not hold a lane for minutes and many nodes can share it. */
const mostInputs = 64;

/**
 * A large embedding request as several jobs, rejoined in order; undefined: it is small enough. The parts give typed events, the
 * edge encodes them for the client like any other typed answer.
 */
export function splitEmbedding(
  request: InferenceRequest,
  run: (part: InferenceRequest, signal: AbortSignal) => AsyncIterable<AnswerBatch>,
  signal: AbortSignal,
): AsyncGenerator<AnswerBatch, void, undefined> | undefined {
  if (request.facts.inputs <= mostInputs || endpoints[request.facts.endpoint].kind !== 'embedding') return undefined;
  const body: unknown = JSON.parse(Buffer.from(request.body).toString('utf8'));
  const inputs = toInputs(body);
  if (inputs === undefined) return undefined;
  const parts: InferenceRequest[] = [];
  const whole = { ...request, group: Symbol('parts of one request') };
  for (let start = 0; start < inputs.length; start += mostInputs)
    parts.push(toPart(whole, body, inputs.slice(start, start + mostInputs), parts.length));
  return join(parts, run, signal);
}

function toInputs(body: unknown): readonly unknown[] | undefined {
  if (typeof body !== 'object' || body === null || !('input' in body)) return undefined;
  return Array.isArray(body.input) ? body.input : undefined;
}

function toPart(request: InferenceRequest, body: unknown, input: readonly unknown[], index: number): InferenceRequest {
  const { facts } = request;
  const share = input.length / facts.inputs;
  return {
    ...request,
    requestId: `${request.requestId}.${index + 1}`,
    answer: 'events',
    facts: { ...facts, inputs: input.length, promptTokens: Math.ceil(facts.promptTokens * share) },
    body: Buffer.from(JSON.stringify({ ...(body as object), input })),
  };
}

interface Part {
  readonly vectors: readonly (readonly number[])[];
  readonly end: ResponseEnd;
}

async function collect(batches: AsyncIterable<AnswerBatch>): Promise<Part> {
  const vectors: (readonly number[])[] = [];
  let end: ResponseEnd | undefined;
  for await (const batch of batches) {
    if (batch.form !== 'events') throw new ClusterError('internal', 'an embedding part came in its engine’s own form');
    for (const event of batch.events) {
      if (event.type === 'embeddings') vectors.push(...event.vectors);
      if (event.type === 'response-end') end = event;
    }
  }
  if (end === undefined) throw new ClusterError('engine-failed', 'an embedding answer did not end');
  return { vectors, end };
}

/** The first part that fails is the failure of the whole and ends the others. */
async function* join(
  parts: readonly InferenceRequest[],
  run: (part: InferenceRequest, signal: AbortSignal) => AsyncIterable<AnswerBatch>,
  signal: AbortSignal,
): AsyncGenerator<AnswerBatch, void, undefined> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  try {
    const done = await Promise.all(parts.map((part) => collect(run(part, both))));
    yield toTypedBatch([{ type: 'embeddings', vectors: done.flatMap((part) => part.vectors) }, toEnd(done)]);
  } finally {
    ending.abort(new ClusterError('client-gone', 'another part of the request ended'));
  }
}

function toEnd(parts: readonly Part[]): ResponseEnd {
  const promptTokens = parts.reduce((sum, part) => sum + (part.end.usage?.promptTokens ?? 0), 0);
  const longest = (pick: (part: Part) => number | undefined) => Math.max(...parts.map((part) => pick(part) ?? 0));
  return {
    type: 'response-end',
    finishReason: 'stop',
    usage: { promptTokens, completionTokens: 0 },
    timings: {
      totalMs: longest((part) => part.end.timings?.totalMs),
      loadMs: longest((part) => part.end.timings?.loadMs),
    },
  };
}
