import { type AnswerBatch, batchKind, type NativeBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { ChatEvent, ResponseEnd, Usage } from '@waggle/shared/chat/chat-event.ts';
import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import { JsonMembers } from '@waggle/shared/dialects/json/json-members.ts';
import { createSeveralAnswersEncoder } from '@waggle/shared/dialects/openai/several-answers.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { InferenceRequest } from './inference.ts';

/** OpenAI's own bound of `n`. */
const mostAnswers = 128;
/** Each part has a body of its own. */
const mostCopiedBytes = 67_108_864;

export interface SeveralAnswers {
  readonly batches: AsyncIterable<AnswerBatch>;
  /** Of all of them; undefined until they have ended. */
  readonly usage: () => Usage | undefined;
}

type RunPart = (part: InferenceRequest, signal: AbortSignal) => AsyncIterable<AnswerBatch>;

/**
 * A request for several answers (OpenAI's `n`, and lists of prompts) as a job for each, joined to one answer with a choice for each; undefined:
 * it asks for one. For engines that cannot do it themselves. The jobs run wherever there is room, side by side.
 */
export function splitAnswers(request: InferenceRequest, run: RunPart, signal: AbortSignal): SeveralAnswers | undefined {
  const { facts } = request;
  if (facts.inputs <= 1 || endpoints[facts.endpoint].kind === 'embedding') return undefined;
  const answers = new Answers(request);
  return { batches: answers.join(run, signal), usage: () => answers.usage };
}

interface Part {
  readonly request: InferenceRequest;
  /** The tokens of a prompt count once, however many answers it has. */
  readonly countsPrompt: boolean;
}

class Answers {
  readonly #request: InferenceRequest;
  #countsPrompt: readonly boolean[] = [];
  readonly #ends = new Map<number, ResponseEnd>();
  usage: Usage | undefined;

  constructor(request: InferenceRequest) {
    this.#request = request;
  }

  /** The first part that fails is the failure of the whole and ends the others. */
  async *join(run: RunPart, signal: AbortSignal): AsyncGenerator<AnswerBatch, void, undefined> {
    const { facts, requestId } = this.#request;
    const { endpoint, model, stream, includeUsage } = facts;
    const options = { model, requestId, createdAt: new Date(), includeUsage, stream };
    const encoder = createSeveralAnswersEncoder(endpoint, options, facts.inputs);
    const ending = new AbortController();
    const both = AbortSignal.any([signal, ending.signal]);
    try {
      const answers = this.#start((part) => run(part, both));
      if (!stream) {
        const events = await Promise.all(answers.map((answer, index) => this.#collect(index, answer)));
        const usage = this.#total();
        const kinds = events.flat().length > 0 ? batchKind.text | batchKind.end : batchKind.end;
        yield { form: 'native', kinds, deltas: usage.completionTokens, bytes: encoder.encodeWhole(events, usage) };
        return;
      }
      for await (const { index, batch } of asTheyCome(answers)) {
        const kinds = batch.kinds & ~batchKind.end;
        const bytes = encoder.encode(index, this.#take(index, batch));
        // The end of one of them is a chunk like others.
        yield toNative({ kinds: kinds === 0 ? batchKind.opening : kinds, deltas: batch.deltas, bytes });
      }
      const bytes = encoder.end(this.#total());
      yield toNative({ kinds: batchKind.end, deltas: 0, bytes });
    } finally {
      ending.abort(new ClusterError('client-gone', 'another part of the request ended'));
    }
  }

  /** What was copied for the parts is theirs alone. */
  #start(run: (part: InferenceRequest) => AsyncIterable<AnswerBatch>): readonly AsyncIterable<AnswerBatch>[] {
    const parts = toParts(this.#request);
    this.#countsPrompt = parts.map(({ countsPrompt }) => countsPrompt);
    return parts.map(({ request }) => run(request));
  }

  async #collect(index: number, batches: AsyncIterable<AnswerBatch>): Promise<readonly ChatEvent[]> {
    const events: ChatEvent[] = [];
    for await (const batch of batches) events.push(...this.#take(index, batch));
    return events;
  }

  #take(index: number, batch: AnswerBatch): readonly ChatEvent[] {
    if (batch.form !== 'events')
      throw new ClusterError('internal', 'one of several answers came in its engine’s own form');
    const last = batch.events.at(-1);
    if (last?.type === 'response-end') this.#ends.set(index, last);
    return batch.events;
  }

  #total(): Usage {
    const usages = this.#countsPrompt.map((_, index) => {
      const end = this.#ends.get(index);
      if (end === undefined) throw new ClusterError('engine-failed', 'one of several answers did not end');
      return end.usage;
    });
    const prompts = usages.filter((_, index) => this.#countsPrompt[index]);
    const sum = (list: typeof usages, key: keyof Usage) =>
      list.reduce((total, usage) => total + (usage?.[key] ?? 0), 0);
    const isCacheTold = prompts.some((usage) => usage?.cachedTokens !== undefined);
    this.usage = {
      promptTokens: sum(prompts, 'promptTokens'),
      completionTokens: sum(usages, 'completionTokens'),
      ...(isCacheTold ? { cachedTokens: sum(prompts, 'cachedTokens') } : {}),
    };
    return this.usage;
  }
}

function toNative(batch: Omit<NativeBatch, 'form'>): NativeBatch {
  return { form: 'native', ...batch };
}

function toParts(request: InferenceRequest): readonly Part[] {
  const { facts, body } = request;
  if (facts.inputs > mostAnswers) throw refuse(`at most ${mostAnswers} answers can be asked for at once`);
  if (facts.inputs * body.byteLength > mostCopiedBytes) throw refuse('so long a request is answered once; n must be 1');
  const members = new JsonMembers(body, ['n', 'prompt', 'seed']);
  const prompt = members.value('prompt');
  const seed = members.value('seed');
  const prompts: readonly unknown[] = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt : [prompt];
  const each = facts.inputs / prompts.length;
  const whole = { ...request, group: Symbol('answers to one request'), answer: 'events' as const };
  return Array.from({ length: facts.inputs }, (_, index) => {
    const number = index % each;
    const parts = members.with({
      n: undefined,
      prompt: prompts[Math.floor(index / each)],
      // The same seed would give the same answer again.
      ...(typeof seed === 'number' ? { seed: seed + number } : {}),
    });
    return {
      countsPrompt: number === 0,
      request: {
        ...whole,
        requestId: `${request.requestId}.${index + 1}`,
        facts: { ...facts, inputs: 1, promptTokens: Math.ceil(facts.promptTokens / prompts.length) },
        body: Buffer.concat(parts),
      },
    };
  });
}

function refuse(message: string): ClusterError {
  return new ClusterError('bad-request', message, { details: { param: 'n' } });
}

interface Came {
  readonly index: number;
  readonly batch: AnswerBatch;
}

/** The batches of all of them, each as soon as it is there. One that is not asked for yet is not made. */
async function* asTheyCome(answers: readonly AsyncIterable<AnswerBatch>[]): AsyncGenerator<Came, void, undefined> {
  const iterators = answers.map((answer) => answer[Symbol.asyncIterator]());
  const waiting = new Map<
    number,
    Promise<{ readonly index: number; readonly result: IteratorResult<AnswerBatch, unknown> }>
  >();
  const ask = (iterator: AsyncIterator<AnswerBatch>, index: number) => {
    const coming = iterator.next().then((result) => ({ index, result }));
    // Whoever leaves does not look at it any more.
    coming.catch(() => undefined);
    waiting.set(index, coming);
  };
  for (const [index, iterator] of iterators.entries()) ask(iterator, index);
  while (waiting.size > 0) {
    const { index, result } = await Promise.race(waiting.values());
    waiting.delete(index);
    if (result.done === true) continue;
    yield { index, batch: result.value };
    const iterator = iterators[index];
    if (iterator !== undefined) ask(iterator, index);
  }
}
