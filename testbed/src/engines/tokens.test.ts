import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitText } from './answer-script.ts';
import { commonPrefixLength, countCachedTokens, countTokens } from './tokens.ts';

test('the common prefix is the longest one', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 600 }),
      fc.string({ maxLength: 300 }),
      fc.string({ maxLength: 300 }),
      (shared, left, right) => {
        const [one, other] = [shared + left, shared + right];
        const length = commonPrefixLength(one, other);
        expect(one.slice(0, length)).toBe(other.slice(0, length));
        expect(length).toBeGreaterThanOrEqual(shared.length);
        expect(length === one.length || length === other.length || one[length] !== other[length]).toBe(true);
      },
    ),
  );
});

test('a prompt seen before is cached but for its last token', () => {
  const prompt = 'x'.repeat(1000);
  expect(countCachedTokens(prompt, prompt)).toBe(countTokens(prompt) - 1);
  expect(countCachedTokens(prompt, prompt.slice(0, 400))).toBe(100);
  expect(countCachedTokens('', '')).toBe(0);
});

test('pieces of a text join to the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'é', ' ', '\n', '"', '<', '😀') }), (text) => {
      const utterance = splitText(text);
      const pieces = Array.from({ length: utterance.length }, (_, index) => utterance.piece(index));
      expect(pieces.join('')).toBe(text);
      const quoted = Array.from(
        { length: utterance.length },
        (_, index) => JSON.parse(utterance.quoted(index)) as string,
      );
      expect(quoted).toEqual(pieces);
      expect(utterance.text(1)).toBe(pieces.slice(0, 1).join(''));
    }),
  );
});
