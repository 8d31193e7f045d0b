import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatJoinToken, makeJoinToken, parseJoinToken } from './join-token.ts';

const CA = 'ab'.repeat(32);

test('a made token has 32 random bytes and no CA until there is one', () => {
  const token = makeJoinToken();
  expect(formatJoinToken(token)).toMatch(/^K10::[\w-]{43}$/);
  expect(makeJoinToken().secret).not.toBe(token.secret);
  expect(formatJoinToken(makeJoinToken(CA, (size) => Buffer.alloc(size, 255)))).toBe(`K10${CA}::${'_'.repeat(42)}8`);
});

test('what is made is read back, blanks around it aside', () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(bytes, fc.constantFrom('', CA), (random, caSha256) => {
      const token = makeJoinToken(caSha256, () => random);
      expect(parseJoinToken(` ${formatJoinToken(token)}\n`)).toEqual({ ok: true, token });
    }),
  );
});

test('a fingerprint in capitals is the same one', () => {
  expect(parseJoinToken(`K10${CA.toUpperCase()}::0123456789abcdef`)).toMatchObject({
    ok: true,
    token: { caSha256: CA },
  });
});

test.each([
  ['', 'is empty'],
  ['secret', 'must begin with K10, in the form K10::SECRET'],
  ['K11::0123456789abcdef', 'is of a kind this version does not know'],
  ['K10', 'has no :: in it; was it copied whole?'],
  [`K10${CA}`, 'has no :: in it; was it copied whole?'],
  ['K10abc::0123456789abcdef', 'must have nothing or 64 hex digits between K10 and ::'],
  ['K10::', 'must have a secret of at least 16 characters behind ::; was it copied whole?'],
  ['K10::0123456789abcde', 'must have a secret of at least 16 characters behind ::; was it copied whole?'],
  [`K10::${'x'.repeat(257)}`, 'has a secret longer than 256 characters'],
  ['K10::0123456789 abcdef', 'may only have letters, digits and - _ . ~ + / = behind ::'],
  ['K10::0123456789abcdéf', 'may only have letters, digits and - _ . ~ + / = behind ::'],
])('%j is refused: %s', (text, problem) => {
  expect(parseJoinToken(text)).toEqual({ ok: false, problem });
});

test('nothing else comes of any text, and no refusal repeats it', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((rest) => `K10::${rest}`),
      ),
      (text) => {
        const result = parseJoinToken(text);
        if (result.ok) expect(formatJoinToken(result.token)).toBe(text.trim());
        else if (text.trim().length >= 8) expect(result.problem).not.toContain(text.trim().slice(3));
      },
    ),
  );
});
