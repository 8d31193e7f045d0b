import OpenAI, { BadRequestError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../src/cluster/collect.ts';
import type { ProcessCluster } from '../src/cluster/process-cluster.ts';
import { hasRealEngines, startRealCluster } from './real-cluster.ts';

const messages = [{ role: 'user' as const, content: 'Hello there' }];
const three = 'Bees tell each';
let cluster: ProcessCluster;
let openai: OpenAI;

beforeAll(async () => {
  if (!hasRealEngines()) return;
  cluster = await startRealCluster();
  openai = new OpenAI({ baseURL: `${cluster.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** What each answer says in the end, by its index, and why it ended. */
function byIndex(
  chunks: readonly { choices: readonly { index: number; finish_reason: string | null; text: string }[] }[],
): readonly string[] {
  const said: string[] = [];
  for (const { choices } of chunks)
    for (const { index, text, finish_reason } of choices)
      said[index] = `${said[index] ?? ''}${text}${finish_reason === null ? '' : ` (${finish_reason})`}`;
  return said;
}

describe.skipIf(!hasRealEngines())('several answers to one request', () => {
  it('come side by side from a llama-server, whole and streamed', async () => {
    const asked = { model: 'llama-voice', messages, n: 2, max_tokens: 3 };
    const whole = await openai.chat.completions.create(asked);
    expect(whole.choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, three],
      [1, three],
    ]);
    const chunks = await collect(await openai.chat.completions.create({ ...asked, stream: true }));
    const parts = chunks.map(({ choices }) => ({
      choices: choices.map(({ delta, ...choice }) => ({ ...choice, text: delta.content ?? '' })),
    }));
    expect(byIndex(parts)).toEqual([`${three} (length)`, `${three} (length)`]);
  });

  it.each([
    ['texts', ['Hello', 'there']],
    [
      'tokens',
      [
        [1, 104, 105],
        [1, 105],
      ],
    ],
  ])('come for a list of %s, too', async (_, prompt) => {
    const asked = { model: 'llama-voice', prompt: prompt as string[], max_tokens: 3 };
    const whole = await openai.completions.create(asked);
    expect(whole.choices.map(({ index, text }) => [index, text])).toEqual([
      [0, three],
      [1, three],
    ]);
    const chunks = await collect(await openai.completions.create({ ...asked, stream: true }));
    expect(byIndex(chunks)).toEqual([`${three} (length)`, `${three} (length)`]);
  });

  it('are made one after the other by an Ollama, and joined', async () => {
    const chat = { model: 'voice', messages, n: 2, max_tokens: 3 };
    const whole = await openai.chat.completions.create(chat);
    const both = [0, 1].map((index) => [index, three]);
    expect(whole.choices.map(({ index, message }) => [index, message.content])).toEqual(both);
    expect(whole.usage?.completion_tokens).toBe(6);
    const final = await openai.chat.completions.stream(chat).finalChatCompletion();
    expect(final.choices.map(({ index, message }) => [index, message.content])).toEqual(both);
    const texts = { model: 'voice', prompt: ['Hello', 'there'], max_tokens: 3, logprobs: 1 };
    const { choices } = await openai.completions.create(texts);
    expect(choices.map(({ index, text }) => [index, text])).toEqual(both);
    expect(choices.map(({ logprobs }) => logprobs?.tokens?.join(''))).toEqual([three, three]);
    const chunks = await collect(await openai.completions.create({ ...texts, stream: true }));
    expect(byIndex(chunks)).toEqual([`${three} (length)`, `${three} (length)`]);
  });

  it('and what it cannot do is refused in words', async () => {
    const model = 'voice';
    for (const [asked, words] of [
      [openai.completions.create({ model, prompt: [1, 104] }), /one text as its prompt/],
      [openai.completions.create({ model, prompt: 'Hello', echo: true }), /repeat the prompt/],
    ] as const) {
      await expect(asked).rejects.toThrow(BadRequestError);
      await expect(asked).rejects.toThrow(words);
    }
  });

  it('and what a llama-server would overlook is refused as well', async () => {
    const asked = { model: 'llama-voice', prompt: 'Hello' };
    for (const more of [{ echo: true }, { best_of: 2 }, { suffix: 'there' }])
      await expect(openai.completions.create({ ...asked, ...more })).rejects.toThrow(/llama-server/);
  });
});
