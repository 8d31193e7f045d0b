import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTextDeeperThan, isValueDeeperThan } from './json-depth.ts';
import { parseJson } from './parse-json.ts';

describe('depth', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

  it('is the same in text and value', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.nat(7), (text, limit) => {
        const value: unknown = JSON.parse(text);
        const expected = depthOf(value) > limit;
        expect([isTextDeeperThan(Buffer.from(text), limit), isValueDeeperThan(value, limit)]).toEqual([
          expected,
          expected,
        ]);
      }),
    );
  });

  it.each([
    ['brackets in strings', JSON.stringify({ a: '[[[[' }), false],
    ['brackets behind an escaped quote', JSON.stringify({ a: '"[[[[' }), false],
    ['brackets behind a long string', `["${'x'.repeat(200)}",[[[`, true],
    ['brackets in a long string with escapes', `["${'x'.repeat(200)}\\"[[[[\\\\"]`, false],
    ['brackets behind a long string that ends in a backslash', `["${'x'.repeat(200)}\\\\",[[[`, true],
    ['a string without end', `["${'x'.repeat(200)}`, false],
  ])('sees %s', (_case, text, expected) => {
    expect(isTextDeeperThan(Buffer.from(text), 3)).toBe(expected);
  });
});

describe('parseJson', () => {
  const refusal = (body: string | Buffer): string => {
    try {
      parseJson(Buffer.from(body), 128);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return 'none';
  };

  it.each([
    ['', 'missing request body'],
    ['{"model": "m", "messages": [', 'unexpected EOF'],
    ['{"model": "m', 'unexpected EOF'],
    ['{"model": ', 'unexpected EOF'],
    ['   ', 'unexpected EOF'],
    ['nonsense', "invalid character 'o' at position 1 (line 1, column 2)"],
    ['{"model": m}', "invalid character 'm' at position 10 (line 1, column 11)"],
    ["{'model': 1}", "invalid character ''' at position 1 (line 1, column 2)"],
    ['{"a":1}\n}', "invalid character '}' at position 8 (line 2, column 1)"],
    ['{"a":1,}', "invalid character '}' at position 7 (line 1, column 8)"],
    ['{"a":1,\n "b":}', "invalid character '}' at position 13 (line 2, column 6)"],
    ['{"a":[}', "invalid character '}' at position 6 (line 1, column 7)"],
    ['{"a":[1}', "invalid character '}' at position 7 (line 1, column 8)"],
    ['[1 2]', "invalid character '2' at position 3 (line 1, column 4)"],
    ['{"a":"x\ny"}', "invalid character '\\n' at position 7 (line 1, column 8)"],
    [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'the request body is not valid UTF-8'],
    ['['.repeat(200_000), 'the request body nests deeper than 128 levels (limits.jsonDepth)'],
    [`${'['.repeat(129)}${']'.repeat(129)}`, 'the request body nests deeper than 128 levels (limits.jsonDepth)'],
    [`${'['.repeat(50_000)}${']'.repeat(50_000)}`, 'the request body nests deeper than 128 levels (limits.jsonDepth)'],
    [`${'['.repeat(128)}${']'.repeat(128)}`, 'none'],
  ])('refuses %j with words of its own', (body, message) => {
    expect(refusal(body)).toBe(message);
  });

  it('never quotes the body', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const message = refusal(`${text}§`);
        expect(message).toMatch(
          /^(unexpected EOF|missing request body|none|invalid character '.{1,7}' at position \d+ \(line \d+, column \d+\))$/su,
        );
      }),
    );
  });

  it('takes ten megabytes of brackets for what they are, at once', () => {
    expect(refusal(Buffer.alloc(10_000_000, '['))).toMatch(/deeper/);
  });
});
