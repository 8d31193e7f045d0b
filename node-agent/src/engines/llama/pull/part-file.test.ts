import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PartFile, type SourceIdentity } from './part-file.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'waggle-part-'));
  file = path.join(folder, 'm.gguf');
});
afterEach(() => rm(folder, { recursive: true }));

const identity: SourceIdentity = { url: 'https://a.example/m.gguf', sizeBytes: 100, validator: '"v1"' };

async function keep(...ranges: [from: number, to: number][]): Promise<void> {
  const part = await PartFile.open(file, identity);
  for (const [from, to] of ranges) await part.write(new Uint8Array(to - from).fill(7), from);
  await part.save();
  await part.close();
}

async function missingAfter(other: Partial<SourceIdentity> = {}): Promise<[number, number][]> {
  const part = await PartFile.open(file, { ...identity, ...other });
  const missing = part.missing(1_000).map(({ from, to }): [number, number] => [from, to]);
  await part.close();
  return missing;
}

test('what is there is not asked for again', async () => {
  await keep([0, 10], [50, 60], [10, 20]);
  expect(await missingAfter()).toEqual([
    [20, 50],
    [60, 100],
  ]);
  expect([...(await readFile(file)).subarray(48, 52)]).toEqual([0, 0, 7, 7]);
});

test.each<Partial<SourceIdentity>>([{ url: 'https://b.example/m.gguf' }, { sizeBytes: 101 }, { validator: '"v2"' }])(
  'nothing is kept for %j',
  async (other) => {
    await keep([0, 10]);
    expect(await missingAfter(other)).toEqual([[0, other.sizeBytes ?? 100]]);
    // Nor does anything of the old file remain in the new one.
    expect((await readFile(file)).length).toBe(0);
  },
);

test.each([
  ['no JSON', '{"version":1,'],
  ['of a later version', JSON.stringify({ version: 2, ...identity, done: [[0, 10]] })],
  ['a range beyond the end', JSON.stringify({ version: 1, ...identity, done: [[0, 1_000]] })],
  ['a range before the beginning', JSON.stringify({ version: 1, ...identity, done: [[-5, 10]] })],
  ['no ranges', JSON.stringify({ version: 1, ...identity, done: [7, 'x'] })],
])('notes that are %s are not believed', async (_, notes) => {
  await keep([0, 10]);
  await writeFile(`${file}.json`, notes);
  expect(await missingAfter()).toEqual([[0, 100]]);
});

test('notes without the bytes are worth nothing', async () => {
  await keep([0, 10]);
  await rm(file);
  expect(await missingAfter()).toEqual([[0, 100]]);
});

test('what is there and what is missing is the whole, in pieces of the size that was asked for', async () => {
  const ranges = fc.array(fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 30 })), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(ranges, fc.integer({ min: 1, max: 40 }), async (written, pieceBytes) => {
      await PartFile.discard(file);
      const part = await PartFile.open(file, identity);
      const covered = new Set<number>();
      for (const [from, length] of written) {
        const to = Math.min(100, from + length);
        await part.write(new Uint8Array(to - from), from);
        for (let byte = from; byte < to; byte++) covered.add(byte);
      }
      expect(part.doneBytes).toBe(covered.size);
      for (const { from, to } of part.missing(pieceBytes)) {
        expect(to - from).toBeLessThanOrEqual(pieceBytes);
        for (let byte = from; byte < to; byte++) {
          expect(covered.has(byte)).toBe(false);
          covered.add(byte);
        }
      }
      expect(covered.size).toBe(100);
      await part.close();
    }),
    { numRuns: 60 },
  );
});
