import { expect, test } from 'vitest';
import { dialects } from '../dialects.ts';
import { toVectorWish } from './wished-vectors.ts';

const numbers = '{"object":"list","data":[{"index":0,"embedding":[1,0.5]},{"index":1,"embedding":[2,4]}],"extra":1}';
const base64 = '{"data": [{"embedding": "AACAPwAAAD8="}], "usage": {}}';

function read(answer: string, wish: object): string {
  const vectors = toVectorWish({ model: 'm', ...wish });
  const reader = dialects.openai.createNativeReader('openai.embeddings', { stream: false, vectors });
  reader.push(Buffer.from(answer));
  return Buffer.from(reader.finish().batch?.bytes ?? []).toString();
}

test('numbers become the base64 that was asked for', () => {
  expect(JSON.parse(read(numbers, { encoding_format: 'base64' }))).toEqual({
    object: 'list',
    data: [
      { index: 0, embedding: 'AACAPwAAAD8=' },
      { index: 1, embedding: 'AAAAQAAAgEA=' },
    ],
    extra: 1,
  });
});

test.each([
  ['base64 that was asked for', base64, { encoding_format: 'BASE64' }],
  ['numbers that were asked for', numbers, { encoding_format: 'float' }],
  ['numbers where nothing was said', numbers, {}],
  ['vectors as short as asked for', numbers, { dimensions: 2 }],
  ['vectors shorter than asked for', base64, { dimensions: 3, encoding_format: 'base64' }],
])('%s go on as they came', (_, answer, wish) => {
  expect(read(answer, wish)).toBe(answer);
});

test.each([numbers, base64])('a vector longer than asked for is no answer: %s', (answer) => {
  expect(() => read(answer, { dimensions: 1 })).toThrow(
    'the engine that serves this model gives vectors of 2 numbers and cannot shorten them to 1',
  );
});

test('nor is it where it becomes an event', () => {
  const vectors = toVectorWish({ dimensions: 1 });
  const reader = dialects.openai.createEventReader('openai.embeddings', { stream: false, vectors });
  reader.push(Buffer.from(numbers));
  expect(() => reader.finish()).toThrow('cannot shorten them to 1');
});

test('Ollama’s clients are given the beginning', () => {
  const vectors = { isBase64: false, dimensions: 1, ifLonger: 'cut' } as const;
  const reader = dialects.openai.createEventReader('openai.embeddings', { stream: false, vectors });
  reader.push(Buffer.from(numbers));
  expect(reader.finish().batch).toMatchObject({ events: [{ vectors: [[1], [2]] }, {}] });
});
