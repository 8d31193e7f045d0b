import { describe, expect, test } from 'vitest';
import { jsonGrammar, schemaGrammar } from './json-grammar.ts';

/** Rules of a grammar by name. */
function rulesOf(grammar: string): ReadonlyMap<string, string> {
  return new Map(
    grammar.split('\n').map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf('::=') + 4)]),
  );
}

/** Whether the grammar can say exactly this text: tried out, without any thought for speed. */
function says(grammar: string, text: string): boolean {
  const rules = rulesOf(grammar);
  const parsed = new Map([...rules].map(([name, body]) => [name, parse(body)]));
  return [...match({ kind: 'rule', name: 'root' }, 0)].includes(text.length);

  function* match(node: Node, at: number): Generator<number> {
    switch (node.kind) {
      case 'text':
        if (text.startsWith(node.text, at)) yield at + node.text.length;
        return;
      case 'set':
        if (at < text.length && node.pattern.test(text[at] ?? '')) yield at + 1;
        return;
      case 'rule': {
        const rule = parsed.get(node.name);
        if (rule === undefined) throw new Error(`no rule ${node.name}`);
        return yield* match(rule, at);
      }
      case 'choice':
        for (const item of node.items) yield* match(item, at);
        return;
      case 'sequence': {
        let ends = new Set([at]);
        for (const item of node.items) ends = new Set([...ends].flatMap((end) => [...match(item, end)]));
        return yield* ends;
      }
      case 'repeat': {
        let ends = new Set([at]);
        const seen = new Set(node.least === 0 ? [at] : []);
        for (let count = 1; count <= node.most && ends.size > 0; count++) {
          ends = new Set([...ends].flatMap((end) => [...match(node.item, end)]));
          const before = seen.size;
          if (count >= node.least) for (const end of ends) seen.add(end);
          if (count >= node.least && seen.size === before) break;
        }
        yield* seen;
      }
    }
  }
}

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'set'; readonly pattern: RegExp }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'choice' | 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'repeat'; readonly item: Node; readonly least: number; readonly most: number };

function parse(body: string): Node {
  const tokens = body.match(/"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\{\d+(?:,\d*)?\}|[()|?*+]|[a-zA-Z][\w-]*/g) ?? [];
  let at = 0;
  return choice();

  function choice(): Node {
    const items = [sequence()];
    while (tokens[at] === '|') {
      at++;
      items.push(sequence());
    }
    return { kind: 'choice', items };
  }

  function sequence(): Node {
    const items: Node[] = [];
    while (at < tokens.length && tokens[at] !== '|' && tokens[at] !== ')') items.push(repeated(one()));
    return { kind: 'sequence', items };
  }

  function one(): Node {
    const token = tokens[at++] ?? '';
    if (token === '(') {
      const inside = choice();
      at++;
      return inside;
    }
    if (token.startsWith('"')) return { kind: 'text', text: JSON.parse(token) };
    if (token.startsWith('[')) return { kind: 'set', pattern: new RegExp(token, 'u') };
    return { kind: 'rule', name: token };
  }

  function repeated(item: Node): Node {
    const mark = tokens[at];
    const [, least, comma, most] = /^\{(\d+)(,?)(\d*)\}$/.exec(mark ?? '') ?? [];
    if (mark !== '?' && mark !== '*' && mark !== '+' && least === undefined) return item;
    at++;
    const many = Number.POSITIVE_INFINITY;
    if (mark === '?') return { kind: 'repeat', item, least: 0, most: 1 };
    if (mark === '*' || mark === '+') return { kind: 'repeat', item, least: mark === '*' ? 0 : 1, most: many };
    return {
      kind: 'repeat',
      item,
      least: Number(least),
      most: comma === '' ? Number(least) : most === '' ? many : Number(most),
    };
  }
}

test('JSON mode is any object', () => {
  const grammar = jsonGrammar();
  expect(says(grammar, '{"a": [1, -2.5e3, true, null, "x\\n\\u00e9"], "b": {}}')).toBe(true);
  for (const text of ['[]', '"a"', '{"a"}', '{"a": 01}', '{a: 1}', '{} '])
    expect([text, says(grammar, text)]).toEqual([text, false]);
});

const person = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    mail: { type: 'string' },
  },
  required: ['name', 'age'],
};

describe.each<[string, unknown, readonly unknown[], readonly unknown[]]>([
  [
    'members',
    person,
    [
      { name: 'A', age: 3 },
      { name: '', age: 150, mail: 'm' },
    ],
    [{ name: 'A' }, { age: 3, name: 'A' }, { name: 'A', age: 151 }, { name: 'A', age: 3, x: 1 }],
  ],
  [
    'members that may all be missing',
    { properties: { a: { type: 'null' }, b: { type: 'boolean' }, c: { type: 'number' } } },
    [{}, { a: null }, { b: true }, { a: null, c: 1.5 }, { b: false, c: 0 }],
    [{ c: 1, a: null }, { a: 1 }],
  ],
  [
    'further members',
    { type: 'object', properties: { a: { type: 'null' } }, additionalProperties: { type: 'integer' } },
    [{}, { a: null }, { a: null, x: 1, y: 2 }, { x: 1 }],
    [{ x: 'y' }],
  ],
  ['an object of whatever', { type: 'object' }, [{}, { a: [{ b: 1 }] }], [[], 1]],
  [
    'lists',
    { type: 'array', items: { enum: ['x', 2] }, minItems: 2, maxItems: 3 },
    [
      ['x', 2],
      [2, 2, 'x'],
    ],
    [['x'], ['x', 2, 'x', 2], ['y', 'x']],
  ],
  ['lists of at most one', { type: 'array', items: { type: 'integer' }, maxItems: 1 }, [[], [7]], [[7, 7]]],
  ['empty lists', { type: 'array', maxItems: 0 }, [[]], [[1]]],
  [
    'tuples',
    { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false },
    [['a', 1]],
    [['a'], ['a', 1, 2], [1, 'a']],
  ],
  ['choices', { anyOf: [{ type: 'string' }, { type: 'null' }, { const: 5 }] }, ['a', null, 5], [6, true]],
  ['several types', { type: ['integer', 'null'] }, [1, null], ['a', 1.5]],
  ['lengths', { type: 'string', minLength: 2, maxLength: 3 }, ['ab', 'abc'], ['a', 'abcd']],
  ['dates', { type: 'string', format: 'date-time' }, ['2026-11-21T18:20:00Z'], ['2026-13-21T18:20:00Z', 'today']],
  [
    'joined schemas',
    {
      allOf: [
        { properties: { a: { type: 'null' } }, required: ['a'] },
        { properties: { b: { type: 'null' } }, required: ['b'] },
      ],
    },
    [{ a: null, b: null }],
    [{ a: null }],
  ],
  [
    'trees',
    {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
          required: ['next'],
        },
      },
    },
    [{ next: null }, { next: { next: { next: null } } }],
    [{}, { next: 1 }],
  ],
  ['anything', true, [1, 'a', {}, [null]], []],
])('%s', (_name, schema, right, wrong) => {
  const grammar = schemaGrammar(schema);
  test.each(right.map((value) => [JSON.stringify(value)]))('may be %s', (text) => {
    expect(says(grammar, text)).toBe(true);
  });
  test.each(wrong.map((value) => [JSON.stringify(value)]))('may not be %s', (text) => {
    expect(says(grammar, text)).toBe(false);
  });
});

test.each([
  [{ type: 'string', pattern: '^a' }, 'pattern'],
  [{ not: { type: 'string' } }, 'not'],
  [{ $ref: 'https://example.org/schema' }, '$ref'],
  [{ $ref: '#/$defs/none' }, '$ref'],
  [{ type: 'integer', minimum: 3, maximum: 2 }, 'minimum'],
  [{ type: 'float' }, 'type'],
  [{ enum: [] }, 'enum'],
  [false, 'false'],
])('%j is refused', (schema, param) => {
  expect(() => schemaGrammar(schema)).toThrow(expect.objectContaining({ code: 'unsupported', details: { param } }));
});
