import { type AnswerBatch, batchKind, toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { describe, expect, it } from 'vitest';
import type { InferenceRequest } from './inference.ts';
import { splitAnswers } from './several-answers.ts';

function toRequest(body: object, facts: Partial<InferenceRequest['facts']> = {}): InferenceRequest {
  return {
    requestId: 'r',
    facts: {
      endpoint: 'openai.chat',
      model: 'm',
      stream: false,
      action: 'run',
      needs: ['completion'],
      promptTokens: 10,
      inputs: 2,
      includeUsage: true,
      ...facts,
    },
    body: Buffer.from(JSON.stringify({ model: 'm', ...body })),
    priority: 'normal',
    receivedAt: 0,
    client: { address: '127.0.0.1', userAgent: 'test' },
    answer: 'native',
  };
}

const text = (said: string): ChatEvent => ({ type: 'text-delta', text: said });
const end = (completionTokens = 2): ChatEvent => ({
  type: 'response-end',
  finishReason: 'stop',
  usage: { promptTokens: 5, completionTokens, cachedTokens: 4 },
});

/** Answers each part with its batches, when the test lets it. */
function setUp(request: InferenceRequest, script: (index: number) => readonly (readonly ChatEvent[])[]) {
  const parts: InferenceRequest[] = [];
  const signals: AbortSignal[] = [];
  const gates = new Map<number, PromiseWithResolvers<void>>();
  const several = splitAnswers(
    request,
    async function* (part, signal) {
      const index = parts.push(part) - 1;
      signals.push(signal);
      for (const events of script(index)) {
        await gates.get(index)?.promise;
        if (events.length === 0) throw new ClusterError('engine-failed', `part ${index}`);
        yield toTypedBatch(events);
      }
    },
    new AbortController().signal,
  );
  return { several, parts, signals, gates };
}

async function read(batches: AsyncIterable<AnswerBatch> | undefined) {
  let bytes = '';
  const kinds: number[] = [];
  for await (const batch of batches ?? []) {
    if (batch.form === 'native') bytes += Buffer.from(batch.bytes).toString();
    kinds.push(batch.kinds);
  }
  return { bytes, kinds };
}

const bodyOf = ({ body }: InferenceRequest) => JSON.parse(Buffer.from(body).toString()) as unknown;

describe('splitAnswers', () => {
  it('leaves a request for one answer alone', () => {
    expect(setUp(toRequest({}, { inputs: 1 }), () => []).several).toBeUndefined();
    expect(setUp(toRequest({}, { endpoint: 'openai.embeddings' }), () => []).several).toBeUndefined();
  });

  it('asks for each answer by itself, with a seed of its own', async () => {
    const request = toRequest({ n: 2, seed: 7, messages: [] });
    const { several, parts } = setUp(request, () => [[text('a'), end()]]);
    await read(several?.batches);
    expect(parts.map(bodyOf)).toEqual([7, 8].map((seed) => ({ model: 'm', messages: [], seed })));
    expect(parts).toMatchObject([
      { requestId: 'r.1', answer: 'events', facts: { inputs: 1, promptTokens: 10 } },
      { requestId: 'r.2', answer: 'events' },
    ]);
    expect(parts[0]?.group).toBe(parts[1]?.group);
    expect(parts[0]?.group).toBeDefined();
  });

  it('asks for each prompt by itself, as often as it is to be answered', async () => {
    const request = toRequest({ prompt: ['a', 'b'], n: 2 }, { endpoint: 'openai.completions', inputs: 4 });
    const { several, parts } = setUp(request, (index) => [[text(`t${index}`), end()]]);
    const { bytes } = await read(several?.batches);
    expect(parts.map(bodyOf)).toEqual(['a', 'a', 'b', 'b'].map((prompt) => ({ model: 'm', prompt })));
    expect(parts[0]?.facts.promptTokens).toBe(5);
    // A prompt counts once, however many answers it has.
    expect(JSON.parse(bytes)).toMatchObject({
      object: 'text_completion',
      choices: [0, 1, 2, 3].map((index) => ({ index, text: `t${index}`, logprobs: null, finish_reason: 'stop' })),
      usage: { prompt_tokens: 10, prompt_tokens_details: { cached_tokens: 8 }, completion_tokens: 8, total_tokens: 18 },
    });
    expect(several?.usage()).toEqual({ promptTokens: 10, completionTokens: 8, cachedTokens: 8 });
  });

  it('streams them side by side, as they come, with one end', async () => {
    const request = toRequest({ n: 2 }, { stream: true });
    const { several, gates } = setUp(request, (index) => [[text(`a${index}`)], [text(`b${index}`), end()]]);
    gates.set(0, Promise.withResolvers<void>());
    const iterator = several?.batches[Symbol.asyncIterator]();
    const [first, second] = [await iterator?.next(), await iterator?.next()];
    gates.get(0)?.resolve();
    const rest = await read({ [Symbol.asyncIterator]: () => iterator as AsyncIterator<AnswerBatch> });
    const early = [first, second].map((result) => {
      const batch = result?.value as AnswerBatch;
      return batch.form === 'native' ? Buffer.from(batch.bytes).toString() : '';
    });
    expect(early.join('')).not.toContain('"index":0,');
    const frames = `${early.join('')}${rest.bytes}`.trimEnd().split('\n\n');
    expect(frames.at(-1)).toBe('data: [DONE]');
    const chunks = frames.slice(0, -1).map((frame) => JSON.parse(frame.slice('data: '.length)));
    expect(new Set(chunks.map(({ id }) => id))).toEqual(new Set(['chatcmpl-r']));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 4 } });
    const said = (index: number) =>
      chunks
        .flatMap(({ choices }) => choices)
        .filter((choice) => choice.index === index)
        .map(({ delta, finish_reason }) => `${delta.role ?? ''}${delta.content ?? ''}${finish_reason ?? ''}`);
    expect(said(0)).toEqual(['assistanta0', 'b0', 'stop']);
    expect(said(1)).toEqual(['assistanta1', 'b1', 'stop']);
    expect(rest.kinds.map((kinds) => kinds & batchKind.end)).toEqual([0, 0, batchKind.end]);
  });

  it.each([false, true])('fails as the first that fails, and ends the others (streamed: %s)', async (stream) => {
    const { several, signals, gates } = setUp(toRequest({ n: 2 }, { stream }), (index) => [
      index === 0 ? [] : [text('a')],
    ]);
    gates.set(1, Promise.withResolvers<void>());
    await expect(read(several?.batches)).rejects.toThrow('part 0');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it('ends all of them when its reader leaves', async () => {
    const { several, signals } = setUp(toRequest({ n: 2 }, { stream: true }), () => [[text('a')], [text('b'), end()]]);
    for await (const batch of several?.batches ?? []) if (batch.deltas > 0) break;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it('takes one that does not end for a failure', async () => {
    const { several } = setUp(toRequest({ n: 2 }), (index) => [index === 0 ? [text('a'), end()] : [text('a')]]);
    await expect(read(several?.batches)).rejects.toMatchObject({ code: 'engine-failed' });
  });

  it('has a bound, of answers and of what is copied for them', async () => {
    for (const request of [
      toRequest({ n: 129 }, { inputs: 129 }),
      toRequest({ n: 100, messages: ['x'.repeat(700_000)] }, { inputs: 100 }),
    ]) {
      const { several, parts } = setUp(request, () => []);
      await expect(read(several?.batches)).rejects.toMatchObject({ code: 'bad-request', details: { param: 'n' } });
      expect(parts).toEqual([]);
    }
  });
});
