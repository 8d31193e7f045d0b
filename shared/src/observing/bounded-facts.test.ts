import { expect, test } from 'vitest';
import { factMaxBytes, factsMaxBytes, maxFacts, toBoundedFacts } from './bounded-facts.ts';

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

test('plain facts stay as they are', () => {
  const facts = { node: 'desk', count: 3, ok: true, none: null, list: [1, 'a'], inner: { a: { b: 'é' } } };
  expect(toBoundedFacts(facts)).toEqual(facts);
  expect(toBoundedFacts(undefined)).toEqual({});
});

test.each([
  ['ascii', 'x'.repeat(100_000)],
  ['two bytes', 'é'.repeat(100_000)],
  ['pairs of surrogates', '🐝'.repeat(50_000)],
  ['a lone surrogate at the edge', `${'x'.repeat(factMaxBytes - 1)}🐝${'y'.repeat(100)}`],
  ['escaped', '\u0001'.repeat(100_000)],
  ['quotes', '"'.repeat(5_000)],
  ['a list', Array.from({ length: 10_000 }, () => 'x'.repeat(100))],
  ['an object', Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`name ${index}`, 'x'.repeat(2_000)]))],
])('a long fact is cut: %s', (_, value) => {
  const { fact } = toBoundedFacts({ fact: value });
  expect(bytesOf(fact)).toBeLessThanOrEqual(factMaxBytes);
  expect(bytesOf(fact)).toBeGreaterThan(factMaxBytes / 3);
  expect(JSON.stringify(fact)).toMatch(/more/);
  expect(JSON.stringify(fact)).not.toContain('\ufffd');
});

test('a cut text says how much is missing', () => {
  expect(toBoundedFacts({ text: 'x'.repeat(5_000) })['text']).toMatch(/^x{3900,}… \(\d+ more\)$/);
});

test('many facts: those that do not fit are counted', () => {
  const long = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`f${index}`, 'x'.repeat(4_000)]));
  const bounded = toBoundedFacts(long);
  expect(bytesOf(bounded)).toBeLessThanOrEqual(factsMaxBytes + 100);
  expect(Object.keys(bounded)).toEqual(['f0', 'f1', 'f2', 'f3', 'factsLeftOut']);
  expect(bounded['factsLeftOut']).toBe(4);
  const many = toBoundedFacts(Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`f${index}`, 1])));
  expect(Object.keys(many)).toHaveLength(maxFacts + 1);
  expect(many['factsLeftOut']).toBe(1_000 - maxFacts);
});

test('nothing is left out that fits', () => {
  const facts = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, 'x'.repeat(250)]));
  expect(toBoundedFacts(facts)).toEqual(facts);
});

test('what JSON cannot take', () => {
  const circle: Record<string, unknown> = { name: 'c' };
  circle['self'] = circle;
  const deep = Array.from({ length: 10_000 }).reduce<unknown>((inner) => [inner], 'core');
  const facts = toBoundedFacts({
    circle,
    deep,
    big: 2n ** 70n,
    nan: Number.NaN,
    bytes: new Uint8Array(5_000),
    when: new Date(0),
    never: new Date(Number.NaN),
    run: () => 1,
    absent: undefined,
    error: new Error('broken', { cause: new RangeError('inner') }),
    get throwing(): string {
      throw new Error('no');
    },
    toJSON: {
      toJSON() {
        throw new Error('no');
      },
    },
  });
  expect(facts).toMatchObject({
    circle: { name: 'c', self: { name: 'c' } },
    deep: [[[[[['[…]']]]]]],
    big: String(2n ** 70n),
    nan: 'NaN',
    bytes: '[5000 bytes]',
    when: '1970-01-01T00:00:00.000Z',
    never: null,
    error: { name: 'Error', message: 'broken', cause: { name: 'RangeError', message: 'inner' } },
    throwing: '[unreadable]',
    toJSON: '[unreadable]',
  });
  expect(Object.keys(facts)).not.toContain('run');
  expect(bytesOf(facts)).toBeLessThanOrEqual(factsMaxBytes);
});

test('names are facts too: a prototype is not changed', () => {
  const facts = toBoundedFacts(JSON.parse('{"__proto__":{"polluted":1},"constructor":"c"}') as Record<string, unknown>);
  expect(Object.getPrototypeOf(facts)).toBe(Object.prototype);
  expect(Object.keys(facts)).toEqual(['__proto__', 'constructor']);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(Object.keys(toBoundedFacts({ ['n'.repeat(1_000)]: 1 }))).toEqual(['n'.repeat(64)]);
});
