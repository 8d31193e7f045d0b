import { Ollama } from 'ollama';
import { expect, test } from 'vitest';
import { countedText } from '../answer-script.ts';
import { collect } from '../collect.ts';
import { askRaw } from '../recordings.ts';
import { startOllamaEngine } from './start-ollama-engine.ts';

const tool = { type: 'function', function: { name: 'weather', description: 'w', parameters: { type: 'object' } } };
const clientOf = (engine: { readonly url: string }) => new Ollama({ host: engine.url });
const user = (content: string) => [{ role: 'user', content }];

test('streams every word of a chat in order and reports what it cost', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'm', answer: { kind: 'words', count: 20 } }] });
  const parts = await collect(await clientOf(engine).chat({ model: 'm', messages: user('hi'), stream: true }));
  expect(parts.map((part) => part.message.content).join('')).toBe(countedText(20));
  expect(parts.at(-1)).toMatchObject({ done: true, done_reason: 'stop', eval_count: 20 });
  expect(parts.filter((part) => part.done)).toHaveLength(1);
});

test('answers whole, limits tokens, stops at a stop text', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'm' }] });
  const client = clientOf(engine);
  const limited = await client.generate({ model: 'm', prompt: 'x', options: { num_predict: 3 } });
  expect(limited).toMatchObject({ response: 'w0 w1 w2', done_reason: 'length', eval_count: 3 });
  const stopped = await client.generate({ model: 'm', prompt: 'x', options: { stop: [' w4', ' w2'] } });
  expect(stopped).toMatchObject({ response: 'w0 w1', done_reason: 'stop' });
});

test('echoes, keeps to a text, chooses by the prompt', async () => {
  await using engine = await startOllamaEngine({
    models: [
      { name: 'parrot', answer: { kind: 'echo' } },
      { name: 'says', answer: { kind: 'text', text: ' two  spaces & <tags>\n' } },
      { name: 'chooses', answer: ({ text }) => ({ kind: 'text', text: text.toUpperCase() }) },
    ],
  });
  const client = clientOf(engine);
  const ask = async (model: string) =>
    (await collect(await client.chat({ model, messages: user('some <b>text</b>'), stream: true })))
      .map((part) => part.message.content)
      .join('');
  expect(await ask('parrot')).toBe('some <b>text</b>');
  expect(await ask('says')).toBe(' two  spaces & <tags>\n');
  expect(await ask('chooses')).toBe('SOME <B>TEXT</B>');
});

test('thinks first, unless told not to', async () => {
  const models = [{ name: 'm', thinking: { kind: 'text', text: 'well well' } as const }];
  await using engine = await startOllamaEngine({ models });
  const client = clientOf(engine);
  const whole = await client.chat({ model: 'm', messages: user('hi'), options: { num_predict: 3 } });
  expect(whole.message).toMatchObject({ thinking: 'well well', content: 'w0' });
  const silent = await client.chat({ model: 'm', messages: user('hi'), think: false });
  expect(silent.message.thinking).toBeUndefined();
});

test('the end of a thought and the first word can share a chunk', async () => {
  const models = [{ name: 'm', thinking: { kind: 'text', text: 'well well' } as const }];
  await using engine = await startOllamaEngine({ models, mixedBoundary: true });
  const stream = await clientOf(engine).chat({ model: 'm', messages: user('hi'), stream: true });
  const parts = await collect(stream);
  expect(parts[1]?.message).toEqual({ role: 'assistant', content: 'w0', thinking: ' well' });
  expect(parts.map((part) => part.message.content).join('')).toBe(countedText(16));
});

test.each(['chunk', 'done'] as const)('calls a tool that is offered, in the %s', async (toolCallPlace) => {
  const toolCall = { name: 'weather', arguments: { city: 'Oslo', days: 2 } };
  await using engine = await startOllamaEngine({ models: [{ name: 'm', toolCall }], toolCallPlace });
  const client = clientOf(engine);
  const parts = await collect(await client.chat({ model: 'm', messages: user('hi'), tools: [tool], stream: true }));
  const calls = parts.flatMap((part) => (part.message.tool_calls ?? []).map((call) => ({ call, done: part.done })));
  expect(calls).toHaveLength(1);
  expect(calls[0]?.call.function).toMatchObject(toolCall);
  expect(calls[0]?.done).toBe(toolCallPlace === 'done');
  const answered = [...user('hi'), { role: 'tool', content: 'rain' }];
  const after = await client.chat({ model: 'm', messages: answered, tools: [tool] });
  expect(after.message).toEqual({ role: 'assistant', content: countedText(16) });
});

test('embeds the same text alike, in order', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'e', embeddingLength: 8 }] });
  const client = clientOf(engine);
  const { embeddings } = await client.embed({ model: 'e', input: ['a', 'b', 'a'] });
  expect(embeddings[0]).toEqual(embeddings[2]);
  expect(embeddings[0]).not.toEqual(embeddings[1]);
  expect(Math.hypot(...(embeddings[1] ?? []))).toBeCloseTo(1, 6);
  const short = await client.embed({ model: 'e', input: 'a', dimensions: 4 });
  expect(short.embeddings[0]).toHaveLength(4);
  expect(Math.hypot(...(short.embeddings[0] ?? []))).toBeCloseTo(1, 6);
  expect(Math.hypot(...(await client.embeddings({ model: 'e', prompt: 'a' })).embedding)).not.toBeCloseTo(1, 1);
});

test('lists, shows, pulls and deletes models', async () => {
  await using engine = await startOllamaEngine({
    models: [{ name: 'm' }],
    pullable: [{ name: 'more', sizeBytes: 1000 }],
  });
  const client = clientOf(engine);
  const lines = await collect(await client.pull({ model: 'more', stream: true }));
  expect(lines[0]).toEqual({ status: 'pulling manifest' });
  expect(lines.filter((line) => line.total !== undefined).map((line) => line.completed ?? 0)).toEqual([
    0, 250, 500, 750, 1000,
  ]);
  expect(lines.at(-1)).toEqual({ status: 'success' });
  expect((await client.list()).models.map((model) => model.name).toSorted()).toEqual(['m:latest', 'more:latest']);
  expect(await client.show({ model: 'more' })).toMatchObject({ capabilities: ['completion'] });
  await client.delete({ model: 'more' });
  await expect(client.show({ model: 'more' })).rejects.toThrow("model 'more' not found");
  const nowhere = collect(await client.pull({ model: 'nowhere', stream: true }));
  await expect(nowhere).rejects.toThrow('pull model manifest');
});

test('loads and unloads on an empty request, and lists what is loaded', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'm' }] });
  const client = clientOf(engine);
  expect(await client.generate({ model: 'm', prompt: '' })).toMatchObject({ done_reason: 'load' });
  expect((await client.ps()).models.map((model) => model.name)).toEqual(['m:latest']);
  expect(await client.chat({ model: 'm', messages: [], keep_alive: 0 })).toMatchObject({ done_reason: 'unload' });
  expect((await client.ps()).models).toEqual([]);
});

test('another num_ctx loads the model anew, and leaving it out loads it back', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'm', contextLength: 8192 }] });
  const client = clientOf(engine);
  const contexts: number[] = [];
  const ask = async (numCtx?: number) => {
    await client.generate({ model: 'm', prompt: 'x', options: numCtx === undefined ? {} : { num_ctx: numCtx } });
    for (const model of (await client.ps()).models)
      contexts.push((model as unknown as { context_length: number }).context_length);
    return engine.control.state.models['m:latest']?.loads;
  };
  expect(await ask()).toBe(1);
  expect(await ask(2048)).toBe(2);
  expect(await ask(2048)).toBe(2);
  expect(await ask()).toBe(3);
  // Beyond what the model was trained for there is nothing more to get, so nothing to load.
  expect(await ask(100_000)).toBe(4);
  expect(await ask(8192)).toBe(4);
  expect(contexts).toEqual([4096, 2048, 2048, 4096, 8192, 8192]);
});

test('more requests than slots wait without a header, first come first served', async () => {
  await using engine = await startOllamaEngine({
    models: [{ name: 'm', answer: { kind: 'endless' }, decodeMsPerToken: 1 }],
  });
  const client = () => clientOf(engine);
  const first = await client().chat({ model: 'm', messages: user('1'), stream: true });
  const running = engine.waitFor((record) => record.bodyText.includes('"1"') && record.tokensSent > 2);
  const reading = collect(first).catch(() => 'aborted');
  await running;
  const waiting = ['2', '3'].map(async (content) => {
    const answer = client().chat({ model: 'm', messages: user(content), options: { num_predict: 1 } });
    await engine.waitFor((record) => record.bodyText.includes(`"${content}"`));
    return answer;
  });
  await engine.requests.until(() => engine.core.waiting('m') === 2);
  const [one, two, three] = engine.requests.all;
  expect([one?.firstByteAt === undefined, two?.firstByteAt, three?.firstByteAt]).toEqual([false, undefined, undefined]);
  first.abort();
  expect(await reading).toBe('aborted');
  await Promise.all(waiting);
  expect(one?.outcome).toBe('client-gone');
  expect(two?.endedAt).toBeLessThan(three?.firstByteAt ?? 0);
  expect(engine.core.maxConcurrent('m')).toBe(1);
});

test('tells cached prompt tokens, also those of the answer that came before', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'm' }] });
  const ask = async (messages: readonly { role: string; content: string }[]) => {
    const response = await fetch(`${engine.url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', stream: false, messages }),
    });
    return (await response.json()) as {
      prompt_eval_count: number;
      prompt_eval_cached_count: number;
      message: { content: string };
    };
  };
  const question = user('a question of some length, so that it has tokens');
  const first = await ask(question);
  expect(first.prompt_eval_cached_count).toBe(0);
  expect((await ask(question)).prompt_eval_cached_count).toBe(first.prompt_eval_count - 1);
  const next = await ask([...question, { role: 'assistant', content: first.message.content }, ...user('more')]);
  expect(next.prompt_eval_cached_count).toBeGreaterThan(first.prompt_eval_count);
  expect((await ask(user('something else'))).prompt_eval_cached_count).toBeLessThan(3);
});

test('a client that leaves while it waits is out of the line', async () => {
  const models = [{ name: 'm', answer: { kind: 'endless' } as const, decodeMsPerToken: 1 }];
  await using engine = await startOllamaEngine({ models });
  const running = new AbortController();
  const waiting = new AbortController();
  const ask = (signal: AbortSignal) =>
    fetch(`${engine.url}/api/generate`, { method: 'POST', body: '{"model":"m","prompt":"x"}', signal })
      .then((response) => response.text())
      .catch(() => 'left');
  const first = ask(running.signal);
  await engine.requests.until(() => engine.core.running('m') === 1);
  const second = ask(waiting.signal);
  await engine.requests.until(() => engine.core.waiting('m') === 1);
  waiting.abort();
  await engine.requests.until(() => engine.core.waiting('m') === 0);
  const record = await engine.waitFor(({ outcome }) => outcome === 'client-gone');
  expect(record).toMatchObject({ id: 2, tokensSent: 0 });
  expect(record.firstByteAt).toBeUndefined();
  running.abort();
  expect(await Promise.all([first, second])).toEqual(['left', 'left']);
});

test('its JSON has escapes where Go writes them', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'm', answer: { kind: 'echo' } }] });
  const body = (stream: boolean) => JSON.stringify({ model: 'm', prompt: 'a<b & c>', stream });
  for (const stream of [true, false]) {
    const { body: answer } = await askRaw(engine.url, 'POST', '/api/generate', body(stream));
    expect(answer).toContain('a\\u003cb');
    expect(answer).not.toContain('<');
  }
});

test('a client that leaves frees the slot and is written down', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'm', answer: { kind: 'endless' } }] });
  const client = clientOf(engine);
  const stream = await client.generate({ model: 'm', prompt: 'x', stream: true });
  let read = 0;
  await expect(async () => {
    for await (const _ of stream) if (++read === 50) stream.abort();
  }).rejects.toThrow(/abort/i);
  const record = await engine.waitFor(({ outcome }) => outcome === 'client-gone');
  expect(record.clientGoneAt).toBeGreaterThanOrEqual(record.firstByteAt ?? Number.POSITIVE_INFINITY);
  expect(record.endedAt).toBeGreaterThanOrEqual(record.clientGoneAt ?? Number.POSITIVE_INFINITY);
  expect(record.tokensSent).toBeGreaterThanOrEqual(50);
  expect(engine.core.running('m')).toBe(0);
});
