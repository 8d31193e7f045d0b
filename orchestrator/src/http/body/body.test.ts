import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isValueDeeperThan } from './json-depth.ts';
import { JsonScan, weightlessBytes } from './json-scan.ts';
import { JsonParser } from './parse-json.ts';

/** Scanned in parts of `slice` bytes. */
function outcomeOf(text: string | Buffer, limits: { depth?: number; values?: number }, slice = 1_000): string {
  const scan = new JsonScan(Buffer.from(text), { depth: 1e9, values: 1e9, ...limits });
  for (;;) {
    const outcome = scan.advance(slice);
    if (outcome !== 'more') return outcome;
  }
}

const isTextDeeperThan = (text: string, depth: number, slice?: number): boolean =>
  outcomeOf(text, { depth }, slice) === 'too-deep';

describe('depth', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

  it('is the same in text and value', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.nat(7), fc.integer({ min: 1, max: 100 }), (text, limit, slice) => {
        const value: unknown = JSON.parse(text);
        const expected = depthOf(value) > limit;
        expect([isTextDeeperThan(text, limit, slice), isValueDeeperThan(value, limit)]).toEqual([expected, expected]);
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
    for (const slice of [1, 7, 1_000]) expect([slice, isTextDeeperThan(text, 3, slice)]).toEqual([slice, expected]);
  });
});

describe('the weight of text', () => {
  /** A comma for each item but the first; what a list, an object, a text and a name count. */
  const weightOf = (value: unknown): number => {
    if (typeof value === 'string') return 10;
    if (typeof value !== 'object' || value === null) return 0;
    const items = Object.values(value);
    const names = Array.isArray(value) ? 0 : items.length * 10;
    return 3 + names + Math.max(0, items.length - 1) + items.reduce((sum: number, item) => sum + weightOf(item), 0);
  };

  it('is that of the value in it, however it is cut', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.integer({ min: 1, max: 100 }), (text, slice) => {
        const weight = weightOf(JSON.parse(text));
        expect(outcomeOf(text, { values: weight }, slice)).toBe('fits');
        if (weight > 0) expect(outcomeOf(text, { values: weight - 1 }, slice)).toBe('too-many');
      }),
    );
  });

  it.each(['{},', '[],', '"",', '1,', '{"":', '{"":"",'])('of a short text of %s is within bounds', (unit) => {
    const text = unit.repeat(Math.ceil(weightlessBytes(10_000) / unit.length)).slice(0, weightlessBytes(10_000));
    expect(outcomeOf(text, { values: 10_000 })).toBe('fits');
  });
});

describe('JsonParser', () => {
  const json = new JsonParser({ depth: 128, values: 400_000 });
  const refusal = async (text: string | Buffer): Promise<string> => {
    const body = Buffer.from(text);
    try {
      if (json.isSmall(body)) json.parse(body);
      else await json.parseLarge(body);
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
    ['   ', 'missing request body'],
    [' \n\r\t', 'missing request body'],
    [' '.repeat(200_000), 'missing request body'],
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
  ])('refuses %j with words of its own', async (body, message) => {
    expect(await refusal(body)).toBe(message);
  });

  it('never quotes the body', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        const message = await refusal(`${text}§`);
        expect(message).toMatch(
          /^(unexpected EOF|missing request body|none|invalid character '.{1,7}' at position \d+ \(line \d+, column \d+\))$/su,
        );
      }),
    );
  });

  it('takes ten megabytes of brackets for what they are, at once', async () => {
    expect(await refusal(Buffer.alloc(10_000_000, '['))).toMatch(/deeper/);
  });

  const many = 'the request body holds more than 400000 values (limits.jsonValues)';
  it.each([
    ['twenty million objects', `[${'{},'.repeat(20_000_000)}{}]`, many],
    ['a million names', `{${Array.from({ length: 1_000_000 }, (_, index) => `"${index}":1`).join(',')}}`, many],
    ['a million numbers', `[${'1,'.repeat(1_000_000)}1]`, many],
    ['tokens to embed', JSON.stringify(Array.from({ length: 2_048 }, () => new Array(150).fill(100_257))), 'none'],
    ['texts to embed', JSON.stringify(new Array(2_048).fill('x'.repeat(500))), 'none'],
    ['an image', JSON.stringify('A'.repeat(30_000_000)), 'none'],
    ['text full of quotes', JSON.stringify('"\\'.repeat(3_000_000)), 'none'],
    ['a large list that is cut short', `[${'1,'.repeat(100_000)}`, 'unexpected EOF'],
    ['a large text that is cut short', `["${'x'.repeat(200_000)}`, 'unexpected EOF'],
    ['a large list with nonsense in it', `[${'1,'.repeat(100_000)}me]`, "invalid character 'm'"],
  ])('judges %s', async (_case, text, message) => {
    expect((await refusal(text)).startsWith(message)).toBe(true);
  });

  it('lets others go on while it reads a large body', async () => {
    let turns = 0;
    const parsing = json.parseLarge(Buffer.from(`{"a":${' '.repeat(30_000_000)}1}`)).then(() => 'parsed');
    while ((await Promise.race([parsing, new Promise((resolve) => setImmediate(resolve))])) !== 'parsed') turns++;
    expect(turns).toBeGreaterThan(20);
  });

  it('weighs small bodies too where little is allowed', async () => {
    const strict = new JsonParser({ depth: 128, values: 1_000 });
    const body = Buffer.from(JSON.stringify(new Array(1_100).fill(1)));
    expect(strict.isSmall(body)).toBe(false);
    await expect(strict.parseLarge(body)).rejects.toThrow('limits.jsonValues');
  });
});
