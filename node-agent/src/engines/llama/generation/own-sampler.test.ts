import { expect, test } from 'vitest';
import { drawToken, seededRandom } from './own-sampler.ts';

const distribution = new Map([
  ['a', 0.5],
  ['b', 0.25],
  ['c', 0.15],
  ['d', 0.1],
]);
const all = { temperature: 1, topK: 0, topP: 1, minP: 0, typicalP: 1 };

function shares(settings: Partial<typeof all>, draws = 4_000): Record<string, number> {
  const random = seededRandom(1);
  const counts: Record<string, number> = {};
  for (let draw = 0; draw < draws; draw++) {
    const token = drawToken(distribution, { ...all, ...settings }, random) ?? '';
    counts[token] = (counts[token] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([token, count]) => [token, count / draws]));
}

test.each([
  [{}, { a: 0.5, b: 0.25, c: 0.15, d: 0.1 }],
  [{ topK: 2 }, { a: 2 / 3, b: 1 / 3 }],
  [{ topP: 0.7 }, { a: 2 / 3, b: 1 / 3 }],
  [{ minP: 0.4 }, { a: 2 / 3, b: 1 / 3 }],
  [{ temperature: 0 }, { a: 1 }],
  [{ temperature: 0.5 }, { a: 0.725, b: 0.181, c: 0.065, d: 0.029 }],
  // Entropy 1.21: b (1.39) is nearest, then a (0.69).
  [{ typicalP: 0.5 }, { a: 2 / 3, b: 1 / 3 }],
])('%j', (settings, wanted) => {
  const drawn = shares(settings);
  expect(Object.keys(drawn).toSorted()).toEqual(Object.keys(wanted));
  for (const [token, share] of Object.entries(wanted)) expect(drawn[token]).toBeCloseTo(share, 1);
});

test('a seed decides', () => {
  const draw = (seed: number) => Array.from({ length: 8 }, seededRandom(seed));
  expect(draw(3)).toEqual(draw(3));
  expect(draw(3)).not.toEqual(draw(4));
});
