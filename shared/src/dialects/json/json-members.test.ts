import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonMembers } from './json-members.ts';

const names = ['model', 'options', 'stream', 'name'];

function change(text: string, changes: Readonly<Record<string, unknown>>): string {
  return Buffer.concat(new JsonMembers(Buffer.from(text), names).with(changes)).toString('utf8');
}

/** JSON with blanks where they are allowed, and some keys written with escapes. */
function write(members: readonly (readonly [string, unknown])[], blank: string, isEscaped: boolean): string {
  const toKey = (key: string) => {
    const text = JSON.stringify(key);
    return isEscaped ? text.replace('m', '\\u006d') : text;
  };
  const texts = members.map(([key, value]) => `${toKey(key)}${blank}:${blank}${JSON.stringify(value)}`);
  return `${blank}{${blank}${texts.join(`${blank},${blank}`)}${blank}}${blank}`;
}

describe('JsonMembers', () => {
  const key = fc.oneof(fc.constantFrom(...names, 'messages', 'm"odel'), fc.string());
  const value = fc.oneof(
    fc.jsonValue(),
    fc.string({ minLength: 40, maxLength: 200, unit: fc.constantFrom('"', '\\', 'x', 'ü') }),
  );

  it('changes what a parser would change, and no more', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, value)),
        fc.constantFrom('', ' ', '\n\t'),
        fc.boolean(),
        fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.jsonValue(), fc.constant(undefined)), {
          noNullPrototype: true,
        }),
        (members, blank, isEscaped, changes) => {
          const text = write(members, blank, isEscaped);
          const parsed = JSON.parse(text) as Record<string, unknown>;
          const expected = JSON.parse(JSON.stringify({ ...parsed, ...changes }));
          expect(JSON.parse(change(text, changes))).toEqual(expected);
          const read = new JsonMembers(Buffer.from(text), names);
          for (const name of names)
            expect(read.value(name)).toEqual(Object.hasOwn(parsed, name) ? parsed[name] : undefined);
        },
      ),
    );
  });

  it.each([
    ['{"model":"m","seed":12345678901234567890}', { model: 'm', name: undefined }],
    [' { "stream" : true }\n', { stream: true }],
    ['{}', { name: undefined }],
  ])('leaves %s as it came', (text, changes) => {
    expect(change(text, changes)).toBe(text);
  });

  it('leaves no second member of a name behind', () => {
    expect(change('{"model":"m","x":1,"model":"other"}', { model: 'm' })).toBe('{"model":"m","x":1}');
  });

  it('takes letters beyond ASCII for what they are', () => {
    expect(change('{"model":"é"}', { model: 'Ã©' })).toBe('{"model":"Ã©"}');
  });

  it('leaves the parts of a large body where they are', () => {
    const bytes = Buffer.from(JSON.stringify({ name: 'x', images: ['A'.repeat(100_000)], model: 'm' }));
    const parts = new JsonMembers(bytes, names).with({ name: undefined, options: { num_ctx: 1 } });
    expect(Buffer.concat(parts).toString()).toBe(
      `{"images":["${'A'.repeat(100_000)}"],"model":"m","options":{"num_ctx":1}}`,
    );
    expect(parts.some((part) => part.buffer === bytes.buffer && part.length > 100_000)).toBe(true);
  });

  it.each(['[]', '"x"', '', '{"a"', '{"a":1', '{"a":"x', '{"a":[1}', '{"a":1 "b":2}', '{a:1}', '{"a":1,}'])(
    'refuses %j',
    (text) => {
      expect(() => new JsonMembers(Buffer.from(text), names)).toThrow(/the body is no/);
    },
  );
});
