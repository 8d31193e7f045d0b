import { expect, test } from 'vitest';
import { readJsonLines } from './read-json-lines.ts';

async function* chunksOf(...texts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield typeof text === 'string' ? Buffer.from(text) : text;
}

test('objects come whole, however they were cut', async () => {
  const bytes = Buffer.from('{"status":"é"}\r\n\n  \n{"a":1}');
  const half = bytes.indexOf(0xa9);
  const cut = chunksOf(bytes.subarray(0, half), bytes.subarray(half));
  expect(await Array.fromAsync(readJsonLines(cut))).toEqual([{ status: 'é' }, { a: 1 }]);
});

test.each([
  ['{"a":', 'broken line'],
  ['1\n', 'no object'],
  ['null\n', 'no object'],
])('%j is refused', async (text, words) => {
  await expect(Array.fromAsync(readJsonLines(chunksOf('{"a":1}\n', text)))).rejects.toMatchObject({
    code: 'engine-failed',
    message: expect.stringContaining(words),
  });
});
