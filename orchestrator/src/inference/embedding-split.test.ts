import { type AnswerBatch, toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { Timings } from '@waggle/shared/chat/chat-event.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import { splitEmbedding } from './embedding-split.ts';
import type { InferenceRequest } from './inference.ts';

function toRequest(inputs: readonly unknown[], facts: Partial<InferenceRequest['facts']> = {}): InferenceRequest {
  return {
    requestId: 'r',
    facts: {
      endpoint: 'ollama.embed',
      model: 'embedder',
      stream: false,
      action: 'run',
      needs: ['embedding'],
      promptTokens: inputs.length * 10,
      inputs: inputs.length,
      includeUsage: false,
      ...facts,
    },
    body: Buffer.from(JSON.stringify({ model: 'embedder', input: inputs, truncate: true })),
    priority: 'normal',
    receivedAt: 0,
    client: { address: '127.0.0.1', userAgent: 'test' },
    answer: 'native',
  };
}

const texts = (count: number) => Array.from({ length: count }, (_, index) => index);

/** One part under way; the test ends it when it likes. */
interface Part {
  readonly request: InferenceRequest;
  readonly inputs: readonly number[];
  readonly signal: AbortSignal;
  answer(timings?: Timings): void;
  fail(error: ClusterError): void;
  batches(...batches: readonly AnswerBatch[]): void;
}

function setUp(request: InferenceRequest, client = new AbortController()) {
  const parts: Part[] = [];
  const run = (part: InferenceRequest, signal: AbortSignal): AsyncIterable<AnswerBatch> => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly AnswerBatch[]>();
    promise.catch(() => {});
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    const inputs: number[] = JSON.parse(Buffer.from(part.body).toString()).input;
    parts.push({
      request: part,
      inputs,
      signal,
      answer: (timings = {}) => {
        const usage = { promptTokens: inputs.length, completionTokens: 0 };
        const vectors = inputs.map((input) => [input]);
        resolve([
          toTypedBatch([{ type: 'embeddings', vectors: vectors.slice(0, 1) }]),
          toTypedBatch([
            { type: 'embeddings', vectors: vectors.slice(1) },
            { type: 'response-end', finishReason: 'stop', usage, timings },
          ]),
        ]);
      },
      fail: reject,
      batches: (...batches) => resolve(batches),
    });
    async function* answer(): AsyncGenerator<AnswerBatch> {
      yield* await promise;
    }
    return answer();
  };
  const split = splitEmbedding(request, run, client.signal);
  return { split, parts, client };
}

async function collect(split: AsyncIterable<AnswerBatch> | undefined): Promise<AnswerBatch[]> {
  const batches: AnswerBatch[] = [];
  for await (const batch of split ?? []) batches.push(batch);
  return batches;
}

/** Starts to read; a failure is looked at later. */
function read(split: AsyncIterable<AnswerBatch> | undefined): Promise<AnswerBatch[]> {
  const reading = collect(split);
  reading.catch(() => {});
  return reading;
}

describe('splitEmbedding', () => {
  it('makes jobs of 64 texts at most, each with its share of the prompt', async () => {
    const { split, parts } = setUp(toRequest(texts(150)));
    void read(split);
    await settled();
    expect(parts.map((part) => part.inputs.length)).toEqual([64, 64, 22]);
    expect(parts.flatMap((part) => part.inputs)).toEqual(texts(150));
    expect(parts.map((part) => part.request.facts.inputs)).toEqual([64, 64, 22]);
    expect(parts.map((part) => part.request.facts.promptTokens)).toEqual([640, 640, 220]);
    expect(parts.map((part) => part.request.requestId)).toEqual(['r.1', 'r.2', 'r.3']);
    expect(parts.map((part) => part.request.answer)).toEqual(['events', 'events', 'events']);
    const groups = new Set(parts.map((part) => part.request.group));
    expect([groups.size, typeof [...groups][0]]).toEqual([1, 'symbol']);
    expect(JSON.parse(Buffer.from(parts[2]?.request.body ?? []).toString())).toEqual({
      model: 'embedder',
      input: texts(150).slice(128),
      truncate: true,
    });
  });

  it.each([[[0, 1, 2]], [[2, 1, 0]], [[1, 2, 0]], [[2, 0, 1]]])('rejoins them in order, ended as %j', async (order) => {
    const { split, parts } = setUp(toRequest(texts(150)));
    const reading = read(split);
    await settled();
    for (const index of order) {
      parts[index]?.answer({ totalMs: 100 * (index + 1), loadMs: index === 0 ? 7 : 0 });
      await settled();
    }
    const batches = await reading;
    expect(batches).toHaveLength(1);
    expect(batches[0]).toMatchObject({
      form: 'events',
      events: [
        { type: 'embeddings', vectors: texts(150).map((text) => [text]) },
        {
          type: 'response-end',
          finishReason: 'stop',
          usage: { promptTokens: 150, completionTokens: 0 },
          timings: { totalMs: 300, loadMs: 7 },
        },
      ],
    });
    expect(parts.every((part) => part.signal.aborted)).toBe(true);
  });

  it('one part that fails is the failure of the whole and cancels the others', async () => {
    const { split, parts } = setUp(toRequest(texts(150)));
    const reading = read(split);
    await settled();
    parts[0]?.answer();
    await settled();
    expect(parts[2]?.signal.aborted).toBe(false);
    parts[1]?.fail(new ClusterError('engine-failed', 'the second broke'));
    await expect(reading).rejects.toMatchObject({ code: 'engine-failed', message: 'the second broke' });
    expect(parts[2]?.signal.aborted).toBe(true);
    expect(parts[2]?.signal.reason).toMatchObject({ code: 'client-gone' });
  });

  it('a client that leaves cancels all of them', async () => {
    const { split, parts, client } = setUp(toRequest(texts(150)));
    const reading = read(split);
    await settled();
    client.abort(new ClusterError('client-gone', 'it left'));
    await expect(reading).rejects.toMatchObject({ code: 'client-gone', message: 'it left' });
    expect(parts.map((part) => part.signal.aborted)).toEqual([true, true, true]);
  });

  it('a part that does not end is a failure', async () => {
    const { split, parts } = setUp(toRequest(texts(65)));
    const reading = read(split);
    await settled();
    parts[0]?.answer();
    parts[1]?.batches(toTypedBatch([{ type: 'embeddings', vectors: [[64]] }]));
    await expect(reading).rejects.toMatchObject({ code: 'engine-failed' });
  });

  it('starts nothing before it is read', async () => {
    const { parts } = setUp(toRequest(texts(65)));
    await settled();
    expect(parts).toEqual([]);
  });

  it('leaves alone what is small, no embedding, or no list', () => {
    expect(setUp(toRequest(texts(64))).split).toBeUndefined();
    expect(setUp(toRequest(texts(65))).split).toBeDefined();
    expect(setUp(toRequest(texts(65), { endpoint: 'openai.embeddings' })).split).toBeDefined();
    expect(setUp(toRequest(texts(65), { endpoint: 'ollama.chat' })).split).toBeUndefined();
    expect(setUp({ ...toRequest(texts(65)), body: Buffer.from('{"input":"one long text"}') }).split).toBeUndefined();
  });
});
