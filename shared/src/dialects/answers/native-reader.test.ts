import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchKind, type NativeBatch } from '../../chat/answer-batch.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { JobStats, NativeReaderOptions } from '../dialect.ts';
import { dialects } from '../dialects.ts';
import { cutAt, readRecordings } from './recordings.ts';

const streams = readRecordings().filter(({ isStream, status }) => isStream && status === 200);
const good = streams.filter(({ name }) => name !== 'generate-stream-runner-killed');
const named = <T extends { engine: string; name: string }>(list: T[]) =>
  list.map((entry) => [`${entry.engine} ${entry.name}`, entry] as const);

interface ReadAll {
  readonly bytes: Buffer;
  readonly batches: readonly NativeBatch[];
  readonly end: JobStats;
}

function readAll(endpoint: EndpointName, chunks: readonly Uint8Array[], options: NativeReaderOptions): ReadAll {
  const reader = dialects[endpoints[endpoint].dialect].createNativeReader(endpoint, options);
  const batches: NativeBatch[] = [];
  for (const chunk of chunks) {
    const batch = reader.push(chunk);
    if (batch !== undefined) batches.push(batch);
  }
  const { end, batch } = reader.finish();
  if (batch !== undefined) batches.push(batch);
  return { bytes: Buffer.concat(batches.map(({ bytes }) => bytes)), batches, end };
}

function kindsOf(batches: readonly NativeBatch[]): number {
  return batches.reduce((kinds, batch) => kinds | batch.kinds, 0);
}

function sum(batches: readonly NativeBatch[]): number {
  return batches.reduce((count, batch) => count + batch.deltas, 0);
}

const places = fc.array(fc.nat(5_000), { maxLength: 40 });

describe('recorded streams', () => {
  test.each(named(good))('%s goes on byte for byte, however it is cut', (_, { endpoint, bytes }) => {
    const whole = readAll(endpoint, [bytes], { stream: true });
    expect(whole.bytes.equals(bytes)).toBe(true);
    expect(whole.end.finishReason).toBeDefined();
    expect(whole.batches.at(-1)?.kinds).toSatisfy((kinds: number) => (kinds & batchKind.end) !== 0);
    fc.assert(
      fc.property(places, (cuts) => {
        const read = readAll(endpoint, cutAt(bytes, cuts), { stream: true });
        expect(read.bytes.equals(bytes)).toBe(true);
        expect(read.end).toEqual(whole.end);
        expect(kindsOf(read.batches)).toBe(kindsOf(whole.batches));
        expect(sum(read.batches)).toBe(sum(whole.batches));
      }),
      { numRuns: 30 },
    );
  });

  test.each(named(good))('%s gets the name the client wrote, and nothing else changes', (_, { endpoint, bytes }) => {
    const from = /"model":"([^"]*)"/.exec(bytes.toString())?.[1] ?? '';
    const rewriteModel = { from, to: 'a "longer" näme:latest' };
    const expected = bytes.toString().replaceAll(`"model":"${from}"`, `"model":${JSON.stringify(rewriteModel.to)}`);
    fc.assert(
      fc.property(places, (cuts) => {
        const read = readAll(endpoint, cutAt(bytes, cuts), { stream: true, rewriteModel });
        expect(read.bytes.toString()).toBe(expected);
      }),
      { numRuns: 20 },
    );
  });

  test('a chunk of complete lines is not copied', () => {
    const { endpoint, bytes } = find('ollama-0.34', 'chat-stream');
    const reader = dialects.ollama.createNativeReader(endpoint, { stream: true });
    const chunk = Buffer.from(bytes);
    expect(reader.push(chunk)?.bytes.buffer).toBe(chunk.buffer);
  });

  test('tokens, times and cached tokens are those of the final line', () => {
    const { endpoint, bytes } = find('ollama-0.34', 'chat-stream');
    const { end, batches } = readAll(endpoint, [bytes], { stream: true });
    expect(end).toEqual({
      finishReason: 'length',
      usage: { promptTokens: 67, completionTokens: 8, cachedTokens: 66 },
      timings: { totalMs: 1590.453943, loadMs: 1.082926, prefillMs: 191.59, decodeMs: 1396.005 },
    });
    expect(sum(batches)).toBe(8);
  });

  test('llama-server tells times without being asked for usage', () => {
    const { endpoint, bytes } = find('llama-server', 'chat-stream');
    const { end } = readAll(endpoint, [bytes], { stream: true });
    expect(end.usage).toMatchObject({ promptTokens: 53, completionTokens: 8 });
    expect(end.timings?.prefillMs).toBeGreaterThan(0);
  });

  test('thinking and tool calls are told from text', () => {
    const thinking = find('ollama-0.34', 'v1-chat-stream-thinking');
    const tools = find('ollama-0.34', 'chat-stream-tools');
    const fragments = find('vllm-sim', 'chat-tools-required-stream');
    const kinds = (entry: typeof tools) =>
      kindsOf(readAll(entry.endpoint, cutAt(entry.bytes, [300, 900]), { stream: true }).batches);
    expect(kinds(thinking) & (batchKind.thinking | batchKind.text)).toBe(batchKind.thinking | batchKind.text);
    expect(kinds(tools) & (batchKind.toolCall | batchKind.text)).toBe(batchKind.toolCall);
    expect(kinds(fragments) & (batchKind.toolCall | batchKind.text)).toBe(batchKind.toolCall);
  });
});

function find(engine: string, name: string) {
  const entry = good.find((recording) => recording.engine === engine && recording.name === name);
  if (entry === undefined) throw new Error(`no recording ${engine} ${name}`);
  return entry;
}

describe('several answers at once', () => {
  const chunk = (index: number, text: string, finish = 'null') =>
    `data: {"choices":[{"text":"${text}","index":${index},"logprobs":null,"finish_reason":${finish}}],"model":"m"}\n\n`;
  const said =
    [0, 1, 2].flatMap((word) => [chunk(1, ` w${word}`), chunk(0, ` w${word}`)]).join('') + chunk(1, '', '"stop"');
  const rest = `${chunk(0, ' w3')}${chunk(0, '', '"length"')}data: [DONE]\n\n`;

  test('go on side by side until the last of them has ended', () => {
    const bytes = Buffer.from(said + rest);
    for (const cuts of [[], [100, 700], Array.from({ length: 40 }, (_, index) => index * 41)]) {
      const { bytes: read, batches } = readAll('openai.completions', cutAt(bytes, cuts), { stream: true });
      expect(read.toString()).toBe(bytes.toString());
      expect(sum(batches)).toBe(7);
    }
  });

  test('of which llama-server says nothing first: that says nothing to the client either', () => {
    const bytes = Buffer.from(`data: null\n\n${said}${rest}`);
    const read = readAll('openai.completions', cutAt(bytes, [5, 12, 300]), { stream: true });
    expect(read.bytes.toString()).toBe(said + rest);
    expect(read.end.finishReason).toBe('length');
  });
});

describe('the usage chunk nobody asked for', () => {
  test.each([
    ['vllm-sim', 'chat-stream-usage'],
    ['ollama-0.34', 'v1-chat-stream-usage'],
    ['llama-server', 'chat-stream-usage'],
  ])('%s %s', (engine, name) => {
    const { endpoint, bytes } = find(engine, name);
    const expected = bytes
      .toString()
      .split('\n\n')
      .filter((event) => !event.includes('"choices":[]'))
      .join('\n\n');
    fc.assert(
      fc.property(places, (cuts) => {
        const read = readAll(endpoint, cutAt(bytes, cuts), { stream: true, stripUsage: true });
        expect(read.bytes.toString()).toBe(expected);
        expect(read.end.usage?.completionTokens).toBeGreaterThan(0);
      }),
      { numRuns: 30 },
    );
  });
});

describe('text that looks like structure', () => {
  const hard = [
    '"},"done":true}',
    '\n\ndata: [DONE]\n\n',
    '{"error":"x"}',
    '\\',
    '\\"',
    '","thinking":"x',
    '"model":"m"',
    'näive 🐝',
    '',
  ];

  test.each(['ollama.chat', 'ollama.generate', 'openai.chat', 'openai.completions'] as const)('%s', (endpoint) => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...hard), { minLength: 1, maxLength: 12 }), places, (texts, cuts) => {
        const bytes = Buffer.from(toStream(endpoint, texts));
        const options = { stream: true, rewriteModel: { from: 'm', to: 'mm' } };
        const read = readAll(endpoint, cutAt(bytes, cuts), options);
        expect(read.bytes.toString()).toBe(toStream(endpoint, texts, 'mm'));
        expect(sum(read.batches)).toBe(texts.filter((text) => text !== '').length);
        expect(read.end.finishReason).toBe('stop');
      }),
    );
  });
});

describe('the model name is the outermost one', () => {
  const rewriteModel = { from: 'm', to: 'mm' };

  test('also where it comes last and the text has a quote in it', () => {
    const texts = ['"', '", "model":"m"', '{', '}]', '\\"', 'plain', 'plain too'];
    const stream = (model: string) =>
      [...texts.map((content) => ({ content })), {}]
        .map((delta, index) => ({ choices: [{ finish_reason: index === texts.length ? 'stop' : null, delta }], model }))
        .map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
        .join('');
    const read = readAll('openai.chat', [Buffer.from(stream('m'))], { stream: true, rewriteModel });
    expect(read.bytes.toString()).toBe(`${stream('mm')}data: [DONE]\n\n`);
  });

  test('and not one among the arguments of a tool', () => {
    const stream = (model: string) => {
      const call = { function: { name: 'f', arguments: { model: 'm' } } };
      return `${JSON.stringify({ message: { role: 'assistant', content: '', tool_calls: [call] }, model, done: true })}\n`;
    };
    const read = readAll('ollama.chat', [Buffer.from(stream('m'))], { stream: true, rewriteModel });
    expect(read.bytes.toString()).toBe(stream('mm'));
  });
});

test('a text that is not the answer is not counted', () => {
  const chunk = 'data: {"choices":[{"index":0,"delta":{"content":""},"text":"aside"}]}\n\n';
  const finish = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
  const read = readAll('openai.chat', [Buffer.from(chunk.repeat(3) + finish)], { stream: true });
  expect(sum(read.batches)).toBe(0);
  expect(kindsOf(read.batches)).toBe(batchKind.opening | batchKind.end);
});

function toStream(endpoint: EndpointName, texts: readonly string[], model = 'm'): string {
  const ollama = (part: object, rest: object) => `${JSON.stringify({ model, created_at: 't', ...part, ...rest })}\n`;
  const openai = (choice: object) =>
    `data: ${JSON.stringify({ id: 'x', model, choices: [{ index: 0, ...choice }] })}\n\n`;
  switch (endpoint) {
    case 'ollama.chat': {
      const lines = texts.map((content) => ollama({ message: { role: 'assistant', content } }, { done: false }));
      return `${lines.join('')}${ollama({ message: { role: 'assistant', content: '' } }, { done: true })}`;
    }
    case 'ollama.generate':
      return `${texts.map((response) => ollama({ response }, { done: false })).join('')}${ollama({ response: '' }, { done: true })}`;
    case 'openai.chat': {
      const chunks = texts.map((content) => openai({ delta: { content }, finish_reason: null }));
      return `${chunks.join('')}${openai({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`;
    }
    default: {
      const chunks = texts.map((text) => openai({ text, finish_reason: null }));
      return `${chunks.join('')}${openai({ text: '', finish_reason: 'stop' })}data: [DONE]\n\n`;
    }
  }
}

describe('broken streams', () => {
  const line = '{"model":"m","created_at":"t","message":{"role":"assistant","content":"a"},"done":false}\n';
  const chunk = 'data: {"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n';
  test.each([
    ['no end', 'ollama.chat', line, 'stream ended without a final answer'],
    ['nothing at all', 'ollama.chat', '', 'stream ended without a final answer'],
    ['half a line', 'ollama.chat', `${line}{"model":"m","mess`, 'stream ended without a final answer'],
    ['no JSON', 'ollama.chat', `${line}oops\n`, 'the engine sent something that is not JSON'],
    ['an error line', 'ollama.chat', `${line}{"error":"runner died"}\n`, 'runner died'],
    ['an error without a line end', 'ollama.chat', `${line}{"error":"runner died"}`, 'runner died'],
    [
      'a foreign line',
      'ollama.chat',
      '{"status":"pulling"}\n',
      'the engine sent no valid answer: a line without a message',
    ],
    ['no end', 'openai.chat', chunk, 'stream ended without a final answer'],
    ['no JSON', 'openai.chat', 'data: oops\n\n', 'the engine sent something that is not JSON'],
    ['an error event', 'openai.chat', `${chunk}data: {"error":{"message":"dead","code":500}}\n\n`, 'dead'],
    ['an error as its own field', 'openai.chat', `${chunk}error: {"message":"dead"}\n\n`, 'dead'],
    ['an error of older vLLM', 'openai.chat', 'data: {"object":"error","message":"dead","code":500}\n\n', 'dead'],
  ] as const)('%s (%s)', (_, endpoint, text, message) => {
    const read = () => readAll(endpoint, [Buffer.from(text)], { stream: true });
    expect(read).toThrow(ClusterError);
    expect(read).toThrow(message);
  });

  test('the line of a killed runner is not passed on', () => {
    const killed = streams.find(({ name }) => name === 'generate-stream-runner-killed');
    const bytes = killed?.bytes ?? Buffer.alloc(0);
    const reader = dialects.ollama.createNativeReader('ollama.generate', { stream: true });
    const before = bytes.subarray(0, bytes.indexOf('{"error"'));
    expect(reader.push(before)?.bytes).toEqual(before);
    expect(() => reader.push(bytes.subarray(before.length))).toThrow(
      'an error was encountered while running the model',
    );
  });

  test('an answer that is complete but for the mark of the end is ended here', () => {
    const finish = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
    const read = readAll('openai.chat', [Buffer.from(chunk + finish)], { stream: true });
    expect(read.bytes.toString()).toBe(`${chunk}${finish}data: [DONE]\n\n`);
    expect(kindsOf(read.batches) & batchKind.end).toBe(batchKind.end);
  });

  test('what follows the end is dropped', () => {
    const end = '{"model":"m","message":{"role":"assistant","content":""},"done":true}\n';
    expect(readAll('ollama.chat', [Buffer.from(line + end + line)], { stream: true }).bytes.toString()).toBe(
      line + end,
    );
  });

  test('a line without end is refused at 8 MiB', () => {
    const reader = dialects.ollama.createNativeReader('ollama.chat', { stream: true });
    const part = Buffer.alloc(1024 * 1024, 0x61);
    for (let count = 0; count < 8; count++) reader.push(part);
    expect(() => reader.push(part)).toThrow(/more than 8388608 bytes/);
  });

  test('other fields of an event go on as they came', () => {
    const data = chunk.trimEnd();
    const text = `event: chunk\n${data}\n\n${data}\nid: 1\n\n${data}\n\ndata: [DONE]\n\n`;
    const read = readAll('openai.chat', [Buffer.from(text)], { stream: true });
    expect(read.bytes.toString()).toBe(text);
    expect(sum(read.batches)).toBe(3);
  });

  test('comments and CR LF go on as they came', () => {
    const text = `: ping\r\n\r\n${chunk.replaceAll('\n', '\r\n')}data: [DONE]\r\n\r\n`;
    expect(readAll('openai.chat', [Buffer.from(text)], { stream: true }).bytes.toString()).toBe(text);
  });
});
