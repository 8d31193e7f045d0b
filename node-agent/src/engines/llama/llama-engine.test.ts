import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../engine.ts';
import { ask, say, startEngine } from './testing/built-in-engine.ts';
import { ModelFolder, scripts } from './testing/model-folder.ts';
import { describeWithLibrary } from './testing/with-library.ts';

const tools = [
  {
    type: 'function',
    function: { name: 'look_up', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
  },
];
const openai = { endpoint: 'openai.chat' } as const;

describeWithLibrary('the built-in engine', { timeout: 60_000 }, () => {
  let folder: ModelFolder;
  let engine: Engine;
  beforeAll(async () => {
    folder = await ModelFolder.make();
    engine = startEngine(folder.store, { settings: { numParallel: 2 } });
  }, 60_000);
  afterAll(async () => {
    await engine.close();
    await folder[Symbol.asyncDispose]();
  });

  test('says what a script says, token by token', async () => {
    const job = say(engine, 'words please');
    const end = await job.end;
    // Ten words, and the token that ends them.
    expect(end).toMatchObject({ outcome: 'done', usage: { completionTokens: 11 } });
    expect(end.timings?.totalMs).toBeGreaterThan(0);
    const answer = await job.answer();
    expect(answer).toMatchObject({ text: scripts.words, thinking: '', finishReason: 'stop', usage: end.usage });
    expect(job.events.length).toBeGreaterThan(9);
    expect(job.last).toHaveLength(1);
  });

  test('a whole answer is one batch', async () => {
    const job = say(engine, 'words', { stream: false });
    expect(await job.answer()).toMatchObject({ text: scripts.words });
    expect(job.batches).toHaveLength(1);
    expect(job.events).toHaveLength(2);
  });

  test('both dialects, and a bare prompt', async () => {
    expect(await say(engine, 'words', {}, openai).answer()).toMatchObject({ text: scripts.words });
    const generated = ask(engine, 'talker', { prompt: 'words' }, { endpoint: 'ollama.generate' });
    const { end } = await generated.answer();
    expect(end.context?.length).toBe((end.usage?.promptTokens ?? 0) + (end.usage?.completionTokens ?? 0) - 1);
    const raw = ask(engine, 'talker', { prompt: '<|bees|>', raw: true }, { endpoint: 'ollama.generate' });
    expect(await raw.answer()).toMatchObject({ text: scripts.bees });
    const echoed = ask(engine, 'talker', { prompt: 'words', echo: true }, { endpoint: 'openai.completions' });
    expect(await echoed.answer()).toMatchObject({ text: `words${scripts.words}` });
  });

  test('the context of an answer goes before the next prompt', async () => {
    const first = await ask(engine, 'talker', { prompt: 'words' }, { endpoint: 'ollama.generate' }).answer();
    const { context } = first.end;
    const next = await ask(engine, 'talker', { prompt: 'bees', context }, { endpoint: 'ollama.generate' }).answer();
    expect(next.text).toBe(scripts.bees);
    expect(next.usage?.cachedTokens).toBeGreaterThanOrEqual((context?.length ?? 0) - 1);
    const wrong = ask(engine, 'talker', { prompt: 'a', context: [1_000_000] }, { endpoint: 'ollama.generate' });
    expect((await wrong.end).failure).toMatchObject({ cause: 'request', code: 'bad-request' });
  });

  test('characters that are spread over tokens come whole', async () => {
    const job = say(engine, 'bees');
    expect(await job.answer()).toMatchObject({ text: scripts.bees });
    for (const event of job.events) if (event.type === 'text-delta') expect(event.text).not.toContain('\ufffd');
  });

  test.each([
    [['four five'], 'One two three ', 'four five'],
    [['wo th', 'ten'], 'One t', 'wo th'],
    [['eleven'], scripts.words, undefined],
  ])('stop strings %j, over borders of tokens', async (stop, text, stopSequence) => {
    const answer = await say(engine, 'words', { options: { stop } }).answer();
    expect(answer).toMatchObject({ text, finishReason: 'stop' });
    expect(answer.end.stopSequence).toBe(stopSequence);
  });

  test('a bound of tokens', async () => {
    expect(await say(engine, 'on', { options: { num_predict: 6 } }).answer()).toMatchObject({
      text: 'on and on and on and',
      finishReason: 'length',
      usage: { completionTokens: 6 },
    });
    expect(await say(engine, 'on', { max_completion_tokens: 2 }, openai).answer()).toMatchObject({
      finishReason: 'length',
    });
  });

  test('what was computed before is not computed again', async () => {
    const system = { role: 'system', content: 'Be brief. '.repeat(40) };
    const asked = (content: string) => say(engine, '', { messages: [system, { role: 'user', content }] });
    await asked('first words').end;
    const { usage } = await asked('second words').end;
    expect(usage?.cachedTokens).toBeGreaterThan(390);
    expect(usage?.promptTokens).toBeGreaterThan((usage?.cachedTokens ?? 0) + 5);
    const again = (await asked('second words').end).usage;
    expect(again?.cachedTokens).toBe((usage?.promptTokens ?? 0) - 1);
  });

  test('two at once, each with its own answer', async () => {
    const endless = say(engine, 'on', { options: { num_predict: 4_000 } });
    await endless.begun(3);
    expect(await say(engine, 'words').answer()).toMatchObject({ text: scripts.words });
    expect(endless.last).toHaveLength(0);
    endless.cancel();
    expect((await endless.end).outcome).toBe('cancelled');
  });

  test('a third one waits for a place', async () => {
    const endless = [say(engine, 'on'), say(engine, 'on')];
    await Promise.all(endless.map((job) => job.begun()));
    const waiting = say(engine, 'words');
    const givenUp = say(engine, 'words');
    givenUp.cancel();
    expect((await givenUp.end).outcome).toBe('cancelled');
    endless[0]?.cancel();
    expect(await waiting.answer()).toMatchObject({ text: scripts.words });
    endless[1]?.cancel();
    await Promise.all(endless.map(({ end }) => end));
  });

  describe('thinking', () => {
    test('is told apart', async () => {
      const job = say(engine, 'think');
      expect(await job.answer()).toMatchObject({ text: 'It is done.', thinking: 'Let me see.' });
      expect(await say(engine, 'think', {}, openai).answer()).toMatchObject({
        text: 'It is done.',
        thinking: 'Let me see.',
      });
    });

    test('is left out where it is not wanted and the template has the switch', async () => {
      const job = say(engine, 'think', { think: false });
      expect(await job.answer()).toMatchObject({ text: scripts.words, thinking: '' });
    });
  });

  describe('tools', () => {
    test('a call is told apart from the text before it', async () => {
      for (const header of [{}, openai]) {
        const answer = await say(engine, 'call', { tools }, header).answer();
        expect(answer).toMatchObject({
          text: 'I look.',
          finishReason: 'tool-calls',
          toolCalls: [{ index: 0, name: 'look_up' }],
        });
        expect(answer.toolCalls[0]?.id).toMatch(/^call[0-9a-f]{5}$/);
        expect(JSON.parse(answer.toolCalls[0]?.arguments ?? '')).toEqual({ city: 'Oslo', days: 2 });
      }
    });

    test('without tools it is text', async () => {
      const answer = await say(engine, 'call').answer();
      expect(answer).toMatchObject({ text: scripts.call, toolCalls: [], finishReason: 'stop' });
      const none = say(engine, 'call', { tools, tool_choice: 'none' }, openai);
      expect(await none.answer()).toMatchObject({ text: scripts.call, toolCalls: [] });
    });

    test.each([['required'], [{ type: 'function', function: { name: 'look_up' } }]])(
      'tool_choice %j',
      async (choice) => {
        const answer = await say(engine, 'words', { tools, tool_choice: choice, max_tokens: 200 }, openai).answer();
        expect(answer).toMatchObject({ text: '', toolCalls: [{ name: 'look_up' }], finishReason: 'tool-calls' });
      },
    );

    test('answers of tools are shown to the model', async () => {
      const call = { id: 'c1', type: 'function', function: { name: 'look_up', arguments: '{"city":"Oslo"}' } };
      const messages = [
        { role: 'user', content: 'call' },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c1', content: 'rain' },
      ];
      expect(await say(engine, '', { messages, tools }, openai).answer()).toMatchObject({ text: scripts.words });
    });
  });

  describe('formats', () => {
    test('JSON', async () => {
      const answer = await say(engine, 'words', {
        format: 'json',
        think: false,
        options: { num_predict: 200 },
      }).answer();
      expect(JSON.parse(answer.text)).toBeTypeOf('object');
    });

    const schema = {
      type: 'object',
      properties: { when: { enum: ['now', 'later'] }, count: { type: 'integer', minimum: 3, maximum: 12 } },
      required: ['when', 'count'],
    };

    test('a schema, for both families', async () => {
      const format = { type: 'json_schema', json_schema: { name: 'x', schema, strict: true } };
      for (const answer of [
        await say(engine, 'words', { format: schema, think: false }).answer(),
        await say(engine, 'words', { response_format: format, reasoning_effort: 'none' }, openai).answer(),
      ]) {
        const parsed = JSON.parse(answer.text);
        expect(['now', 'later']).toContain(parsed.when);
        expect(parsed.count).toBeGreaterThanOrEqual(3);
        expect(parsed.count).toBeLessThanOrEqual(12);
      }
    });

    test('what a grammar cannot say is refused', async () => {
      const format = { type: 'object', properties: { a: { type: 'string', pattern: 'a+' } } };
      expect((await say(engine, 'words', { format }).end).failure).toMatchObject({
        cause: 'request',
        code: 'unsupported',
      });
    });
  });

  describe('log probabilities', () => {
    test.each([
      [{ options: { temperature: 0 } }, {}],
      [{}, {}],
      [{}, openai],
    ])('%j %j', async (more, header) => {
      const answer = await say(engine, 'words', { ...more, logprobs: true, top_logprobs: 3 }, header).answer();
      expect(answer.text).toBe(scripts.words);
      expect(answer.logprobs?.map(({ token }) => token).join('')).toBe(scripts.words);
      for (const { token, logprob, topLogprobs } of answer.logprobs ?? []) {
        expect(logprob).toBeLessThanOrEqual(0);
        expect(topLogprobs).toHaveLength(3);
        expect(topLogprobs?.[0]).toMatchObject({ token, logprob });
      }
    });
  });

  test('sampling', async () => {
    const settings = {
      temperature: 2,
      top_k: 5,
      top_p: 0.5,
      min_p: 0.1,
      typical_p: 0.9,
      seed: 4,
      presence_penalty: 0.1,
    };
    expect(await say(engine, 'words', { options: settings }).answer()).toMatchObject({ text: scripts.words });
    const penalised = await say(engine, 'on', {
      options: { num_predict: 30, frequency_penalty: 60, seed: 1 },
    }).answer();
    expect(penalised.text).not.toMatch(/^(on and ){15}$/);
  });

  test('logit_bias', async () => {
    const { context } = (await ask(engine, 'talker', { prompt: 'words' }, { endpoint: 'ollama.generate' }).answer())
      .end;
    const [first] = context?.slice(-10) ?? [];
    const never = await say(engine, 'words', { logit_bias: { [`${first}`]: -100 }, max_tokens: 4 }, openai).answer();
    expect(never.text).not.toMatch(/^One/);
    const unknown = say(engine, 'words', { logit_bias: { '999999': 1 } }, openai);
    expect((await unknown.end).failure).toMatchObject({ cause: 'request', code: 'unsupported' });
  });

  describe('a prompt that is too long', () => {
    const long = `words ${'and so on '.repeat(4_000)} words`;

    test('is shortened for Ollama’s clients', async () => {
      const { usage } = await say(engine, long, { options: { num_predict: 2 } }).end;
      // The first four, and half of what the context has beside them.
      expect(usage?.promptTokens).toBe(4 + 2_046);
      const kept = await say(engine, long, { options: { num_predict: 2, num_keep: 1_000 } }).end;
      expect(kept.usage?.promptTokens).toBe(1_000 + 1_548);
      const messages = [
        { role: 'user', content: long },
        { role: 'user', content: 'words' },
      ];
      const answer = await say(engine, '', { messages }).answer();
      expect(answer).toMatchObject({ text: scripts.words });
      expect(answer.usage?.promptTokens).toBeLessThan(30);
    });

    test.each([
      [{ truncate: false }, {}],
      [{ shift: false }, {}],
      [{}, openai],
    ])('is refused with %j %j', async (more, header) => {
      expect((await say(engine, long, more, header).end).failure).toMatchObject({
        cause: 'request',
        code: 'context-length-exceeded',
        message: expect.stringContaining('the input length exceeds the context length'),
      });
    });
  });

  test('an answer that fills the context', async () => {
    const filled = `on ${'x'.repeat(4_050)} on`;
    const stopped = say(engine, filled, { shift: false });
    expect((await stopped.answer()).finishReason).toBe('length');
    const { usage } = await say(engine, filled, { options: { num_predict: 200 } }).end;
    expect(usage?.completionTokens).toBe(200);
  });

  test('a reader that is slow holds the model up', async () => {
    const job = say(engine, 'on', { options: { num_predict: 3_000 } });
    job.takes = false;
    await job.begun();
    expect(await say(engine, 'words').answer()).toMatchObject({ text: scripts.words });
    expect(await say(engine, 'words').answer()).toMatchObject({ text: scripts.words });
    // What was on its way when it was told to wait has come by now.
    const held = job.events.length;
    expect(held).toBeLessThan(1_000);
    await say(engine, 'words').end;
    expect(job.events.length).toBe(held);
    job.takes = true;
    job.resume();
    expect((await job.end).usage?.completionTokens).toBe(3_000);
  });

  describe('embeddings', () => {
    const vectorsOf = async (body: object, endpoint: 'ollama.embed' | 'ollama.embeddings' | 'openai.embeddings') => {
      const job = ask(engine, 'embedder', body, { endpoint, stream: false });
      return (await job.answer()).vectors;
    };
    const lengthOf = (vector: readonly number[] | undefined) => Math.hypot(...(vector ?? []));

    test('have length 1, are equal for equal texts, and can be cut', async () => {
      for (const endpoint of ['ollama.embed', 'openai.embeddings'] as const) {
        const [one, two, again] = await vectorsOf({ input: ['one', 'quite another', 'one'] }, endpoint);
        expect(lengthOf(one)).toBeCloseTo(1, 5);
        expect(one).toEqual(again);
        expect(one).not.toEqual(two);
        const [cut] = await vectorsOf({ input: 'one', dimensions: 8 }, endpoint);
        expect(cut).toHaveLength(8);
        expect(lengthOf(cut)).toBeCloseTo(1, 5);
      }
    });

    test('of the older endpoint are as the model made them', async () => {
      const [raw] = await vectorsOf({ prompt: 'one' }, 'ollama.embeddings');
      const [unit] = await vectorsOf({ input: 'one' }, 'ollama.embed');
      expect(lengthOf(raw)).not.toBeCloseTo(1, 3);
      expect((raw?.[0] ?? 0) / lengthOf(raw)).toBeCloseTo(unit?.[0] ?? 0, 5);
    });

    test('of a text that is too long', async () => {
      const input = 'x'.repeat(20_000);
      expect(await vectorsOf({ input }, 'ollama.embed')).toHaveLength(1);
      for (const [body, endpoint] of [
        [{ input, truncate: false }, 'ollama.embed'],
        [{ input }, 'openai.embeddings'],
      ] as const) {
        const job = ask(engine, 'embedder', body, { endpoint, stream: false });
        expect((await job.end).failure).toMatchObject({ code: 'context-length-exceeded' });
      }
    });

    test('are not what other models are for', async () => {
      const job = ask(engine, 'talker', { input: 'one' }, { endpoint: 'ollama.embed', stream: false });
      expect((await job.end).failure).toMatchObject({ cause: 'request', code: 'unsupported' });
      expect((await ask(engine, 'embedder', { messages: [{ role: 'user', content: 'a' }] }).end).failure).toMatchObject(
        {
          cause: 'request',
        },
      );
    });
  });

  test('what cannot be run is the request’s own fault', async () => {
    expect((await ask(engine, 'absent', { messages: [] }).end).failure).toMatchObject({
      cause: 'request',
      code: 'model-not-found',
    });
    const images = [{ role: 'user', content: 'a', images: ['AA=='] }];
    expect((await say(engine, '', { messages: images }).end).failure).toMatchObject({
      cause: 'request',
      code: 'unsupported',
    });
    expect((await say(engine, 'words', { n: 2 }, openai).end).failure).toMatchObject({
      cause: 'request',
      code: 'unsupported',
    });
  });
});
