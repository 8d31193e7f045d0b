import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { encodeGguf, type GgufValue } from '../hello/gguf-file.ts';
import { buildScriptedGguf } from '../hello/scripted-gguf.ts';
import { GgufProblem, readGgufHeader } from './gguf-header.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'waggle-header-'));
const file = path.join(folder, 'model.gguf');
afterAll(() => rmSync(folder, { recursive: true }));

function read(content: Uint8Array) {
  writeFileSync(file, content);
  return readGgufHeader(file);
}

const model = buildScriptedGguf({ name: 'Ünder', scripts: { '<|a|>': 'One two.' }, template: 'x'.repeat(300_000) });

test('says what the file says', () => {
  const header = read(model);
  expect(header).toMatchObject({
    architecture: 'llama',
    vocabularySize: 263,
    splitCount: 1,
    sizeBytes: model.length,
    metadata: {
      'general.name': 'Ünder',
      'llama.context_length': 8_192,
      'tokenizer.ggml.add_bos_token': true,
      'tokenizer.chat_template': 'x'.repeat(300_000),
    },
  });
  expect(header.metadata['llama.attention.layer_norm_rms_epsilon']).toBeCloseTo(1e-5, 10);
  // Embeddings and output, and one layer.
  expect(header.parameterCount).toBe(2 * 263 * 64 + 64 + (2 * 64 + 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 64));
});

test('long lists and texts are passed over', () => {
  const words = Array.from({ length: 200_000 }, (_, number) => `word ${number}`);
  const metadata: Record<string, GgufValue> = {
    'tokenizer.ggml.tokens': { kind: 'string', value: words },
    'long.text': { kind: 'string', value: 'y'.repeat(2_000_000) },
    'tokenizer.ggml.scores': { kind: 'float32', value: words.map((_, number) => number) },
    'general.architecture': { kind: 'string', value: 'last' },
  };
  const header = read(encodeGguf(metadata, []));
  expect(header).toMatchObject({ architecture: 'last', vocabularySize: 200_000 });
  expect(header.metadata['long.text']).toBeUndefined();
});

test('a file that ends early is not complete, wherever it ends', () => {
  const last = model.length - 1;
  for (const length of [0, 3, 23, 24, 60, 1_000, 200_000, 320_000, Math.floor(model.length / 2), last]) {
    expect(() => read(model.subarray(0, length))).toThrow(length < 24 ? 'not in the GGUF format' : /is not complete/);
  }
});

test('bytes that make no sense are a problem, never anything else', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4_000), fc.nat(255)), { minLength: 1, maxLength: 8 }), (changes) => {
      const content = model.slice(0, 8_000);
      for (const [offset, byte] of changes) content[offset] = byte;
      try {
        read(content);
      } catch (cause) {
        expect(cause).toBeInstanceOf(GgufProblem);
      }
    }),
    { numRuns: 300 },
  );
});
