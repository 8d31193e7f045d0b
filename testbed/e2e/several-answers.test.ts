import { hasLibrary } from '@waggle/node-agent/engines/llama/testing/with-library.ts';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedEngines, startEngines } from './matrix/start-engines.ts';

const messages = [{ role: 'user' as const, content: 'Hello there' }];
let started: StartedEngines;
let openai: OpenAI;

beforeAll(async () => {
  started = await startEngines({ withBuiltin: hasLibrary });
  openai = new OpenAI({ baseURL: `${started.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => started?.[Symbol.asyncDispose]());

describe.each(hasLibrary ? ['Ollama', 'built-in'] : ['Ollama'])(
  'several answers over %s, which gives one at a time',
  (name) => {
    const models = () => {
      const engine = started.engines.find((each) => each.name === name);
      if (engine === undefined) throw new Error(`no engine ${name}`);
      return engine.models;
    };

    it('are joined to one answer, whole and streamed', async () => {
      const asked = { model: models().words, messages, n: 3, seed: 7, max_tokens: 2 };
      const { data, response } = await openai.chat.completions.create(asked).withResponse();
      expect(data.choices).toMatchObject(
        [0, 1, 2].map((index) => ({ index, finish_reason: 'length', message: { content: 'One two', refusal: null } })),
      );
      const { prompt_tokens: promptTokens = 0 } = data.usage ?? {};
      expect(promptTokens).toBeGreaterThan(0);
      expect(data.usage).toMatchObject({ completion_tokens: 6, total_tokens: promptTokens + 6 });
      expect(response.headers.get('x-waggle-attempts')).toBe('3');
      const stream = openai.chat.completions.stream({ ...asked, stream_options: { include_usage: true } });
      const final = await stream.finalChatCompletion();
      expect(final.choices.map(({ index, message }) => [index, message.content])).toEqual([
        [0, 'One two'],
        [1, 'One two'],
        [2, 'One two'],
      ]);
      expect(final.usage).toMatchObject({ prompt_tokens: promptTokens, completion_tokens: 6 });
    });

    it('are given to each text of a list', async () => {
      const whole = await openai.completions.create({ model: models().words, prompt: ['a', 'b'], n: 2, max_tokens: 3 });
      expect(whole.choices.map(({ index, text }) => [index, text])).toEqual(
        [0, 1, 2, 3].map((at) => [at, 'One two three']),
      );
    });

    it('end with their client', async () => {
      const model = models().endless;
      const prompt = ['on and on', 'on and on'];
      const stream = await openai.completions.create({ model, prompt, stream: true });
      for await (const { choices } of stream) if (choices.length > 0) break;
      // More than it runs at a time: with one of them going on the last would never be answered.
      const asked = Array.from({ length: 4 }, () =>
        openai.completions.create({ model, prompt: 'on and on', max_tokens: 1 }),
      );
      for (const { choices } of await Promise.all(asked)) expect(choices).toHaveLength(1);
    });

    it('are told where one of them fails', async () => {
      const asked = openai.completions.create({ model: models().words, prompt: [[1], [2]] });
      await expect(asked).rejects.toMatchObject({ status: 400, message: expect.stringContaining('one text') });
      const many = openai.chat.completions.create({ model: models().words, messages, n: 129 });
      await expect(many).rejects.toMatchObject({ status: 400, param: 'n' });
    });
  },
);
