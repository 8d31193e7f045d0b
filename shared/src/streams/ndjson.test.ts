import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter, readLines } from './ndjson.ts';

async function* chunksOf(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

test('cuts lines wherever the chunks are cut', () => {
  const lines = fc.array(fc.constantFrom('{"a":1}', 'näive 🐝', 'x'.repeat(300)), { maxLength: 10 });
  const ends = fc.constantFrom('\n', '\r\n', '\n\n');
  fc.assert(
    fc.property(lines, ends, fc.boolean(), fc.array(fc.nat(500), { maxLength: 10 }), (texts, end, isEnded, sizes) => {
      let bytes = Buffer.from(texts.join(end) + (isEnded ? end : ''));
      const splitter = new LineSplitter();
      const seen: string[] = [];
      for (const size of [...sizes, bytes.length]) {
        seen.push(...splitter.push(bytes.subarray(0, size)).map(String));
        bytes = bytes.subarray(size);
      }
      expect([...seen, ...splitter.push(bytes).map(String), ...splitter.end().map(String)]).toEqual(texts);
    }),
  );
});

test('refuses a line beyond the bound, whether it ends or not', () => {
  expect(() => new LineSplitter(10).push(Buffer.alloc(11, 0x61))).toThrow(/more than 10 bytes/);
  const splitter = new LineSplitter(10);
  expect(splitter.push(Buffer.from('12345'))).toEqual([]);
  expect(() => splitter.push(Buffer.from('678901'))).toThrow(/more than 10 bytes/);
});

test('reads a stream', async () => {
  const lines: string[] = [];
  for await (const line of readLines(chunksOf('a\nb', 'c\n\nd'))) lines.push(String(line));
  expect(lines).toEqual(['a', 'bc', 'd']);
});
