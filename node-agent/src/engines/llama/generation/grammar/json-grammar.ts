import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { integerRange } from './integer-range.ts';

/** Blank space is bounded: a model that may write it for ever does at times. */
const commonRules = {
  space: '| " " | "\\n" [ \\t]{0,20}',
  char: '[^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\/bfnrt] | "u" [0-9a-fA-F]{4})',
  string: '"\\"" char* "\\""',
  integer: '"-"? ("0" | [1-9] [0-9]{0,15})',
  number: 'integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?',
  boolean: '"true" | "false"',
  null: '"null"',
  value: 'object | array | string | number | boolean | null',
  object: '"{" space ( member ( "," space member )* )? "}"',
  member: 'string space ":" space value space',
  array: '"[" space ( value space ( "," space value space )* )? "]"',
  date: '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])',
  time: '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,9})? ("Z" | [+-] [0-2] [0-9] ":" [0-5] [0-9])',
  uuid: '[0-9a-fA-F]{8} "-" [0-9a-fA-F]{4} "-" [0-9a-fA-F]{4} "-" [0-9a-fA-F]{4} "-" [0-9a-fA-F]{12}',
} as const;

const formats: Readonly<Record<string, string>> = {
  date: '"\\"" date "\\""',
  time: '"\\"" time "\\""',
  'date-time': '"\\"" date "T" time "\\""',
  uuid: '"\\"" uuid "\\""',
};

/** What would change which answers are right and has no form in a grammar here. The rest of JSON schema describes, or is a hint. */
const refusedKeys = [
  'pattern',
  'not',
  'if',
  'patternProperties',
  'propertyNames',
  'dependentRequired',
  'dependentSchemas',
  'contains',
  'unevaluatedProperties',
  '$dynamicRef',
] as const;

const mostRules = 2_000;
const mostRepetitions = 1_000;

type Schema = Readonly<Record<string, unknown>>;

/** A grammar for any JSON object. */
export function jsonGrammar(): string {
  return writeRules(new Map([['root', 'object']]));
}

/**
 * A grammar for what a JSON schema allows, with members in the order in which the schema has them; objects have no others than
 * those it names, unless it says so. As Ollama does, bounds of numbers that are no integers, `multipleOf` and `uniqueItems` are
 * taken for hints.
 *
 * @throws ClusterError `unsupported`, naming the keyword, for what a grammar cannot say here
 */
export function schemaGrammar(schema: unknown): string {
  const writer = new SchemaWriter(schema);
  return writeRules(writer.write());
}

/** For a part of a larger grammar: the rules, and the name of the one for the schema. */
export function schemaRules(schema: unknown): ReadonlyMap<string, string> {
  return new SchemaWriter(schema).write();
}

/** The text of a grammar with the common rules that its own ones need. */
export function writeRules(rules: ReadonlyMap<string, string>): string {
  const all = Object.entries(commonRules).filter(([name]) => !rules.has(name));
  return [...rules, ...all].map(([name, body]) => `${name} ::= ${body}`).join('\n');
}

/** A text as a literal of a grammar. */
export function literal(text: string): string {
  return `"${text.replace(/["\\\n\r\t]/g, (character) => escapes[character] ?? character)}"`;
}

const escapes: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

class SchemaWriter {
  readonly #root: unknown;
  readonly #rules = new Map<string, string>();
  readonly #references = new Map<string, string>();

  constructor(root: unknown) {
    this.#root = root;
  }

  write(): ReadonlyMap<string, string> {
    this.#rules.set('root', this.#toRule(this.#root, 'root'));
    return this.#rules;
  }

  /** The name of a new rule; what it needs has rules by then. */
  #add(hint: string, body: string): string {
    if (this.#rules.size > mostRules) throw refuse('schema', 'the schema is too large for a grammar');
    const base = `s-${hint.replace(/[^a-zA-Z0-9]+/g, '-').slice(0, 40)}`;
    let name = base;
    for (let number = 2; this.#rules.has(name); number++) name = `${base}-${number}`;
    this.#rules.set(name, body);
    return name;
  }

  #toRule(schema: unknown, hint: string): string {
    if (schema === true || schema === undefined) return 'value';
    if (schema === false) throw refuse('false', 'a schema that allows nothing cannot be answered');
    if (!isSchema(schema)) throw refuse('schema', 'a schema must be an object');
    for (const key of refusedKeys) {
      if (schema[key] !== undefined)
        throw refuse(key, `the built-in engine cannot hold answers to "${key}" of a schema`);
    }
    const { $ref: reference, allOf, const: only, enum: list } = schema;
    if (typeof reference === 'string') return this.#toReference(reference);
    const choices = schema['anyOf'] ?? schema['oneOf'];
    if (Array.isArray(choices)) return this.#toChoice(schema, choices, hint);
    if (Array.isArray(allOf)) return this.#toRule(this.#joined(schema, allOf), hint);
    if (only !== undefined) return this.#literalOf(only, hint);
    if (Array.isArray(list)) {
      if (list.length === 0) throw refuse('enum', 'an empty enum cannot be answered');
      return this.#add(hint, list.map((value) => literal(JSON.stringify(value))).join(' | '));
    }
    const { type } = schema;
    if (Array.isArray(type)) {
      return this.#add(hint, type.map((each) => this.#toRule({ ...schema, type: each }, hint)).join(' | '));
    }
    return this.#toTyped(schema, type ?? guessType(schema), hint);
  }

  #toTyped(schema: Schema, type: unknown, hint: string): string {
    switch (type) {
      case undefined:
        return 'value';
      case 'object':
        return this.#toObject(schema, hint);
      case 'array':
        return this.#toArray(schema, hint);
      case 'string':
        return this.#toString(schema, hint);
      case 'integer':
        return this.#toInteger(schema, hint);
      case 'number':
      case 'boolean':
      case 'null':
        return type;
      default:
        throw refuse('type', `a schema has the unknown type ${JSON.stringify(type)}`);
    }
  }

  /** Members beside the choices hold for each of them. */
  #toChoice(schema: Schema, choices: readonly unknown[], hint: string): string {
    const { anyOf: _any, oneOf: _one, $defs: _defs, definitions: _definitions, ...rest } = schema;
    const needsJoin = ['properties', 'required', 'type'].some((key) => rest[key] !== undefined);
    const rules = choices.map((choice, index) =>
      this.#toRule(needsJoin ? this.#joined(rest, [choice]) : choice, `${hint}-${index + 1}`),
    );
    return this.#add(hint, rules.join(' | '));
  }

  #literalOf(value: unknown, hint: string): string {
    return this.#add(hint, literal(JSON.stringify(value)));
  }

  /** One schema that says what all of them say, where that is members of objects. */
  #joined(schema: Schema, parts: readonly unknown[]): Schema {
    const { allOf: _all, ...own } = schema;
    let joined: Record<string, unknown> = { ...own };
    for (const part of parts) {
      const resolved = isSchema(part) && typeof part['$ref'] === 'string' ? this.#resolve(part['$ref']) : part;
      if (!isSchema(resolved)) continue;
      const properties = { ...toSchema(joined['properties']), ...toSchema(resolved['properties']) };
      const required = [...toTexts(joined['required']), ...toTexts(resolved['required'])];
      joined = {
        ...joined,
        ...resolved,
        ...(Object.keys(properties).length > 0 ? { properties } : {}),
        ...(required.length > 0 ? { required } : {}),
      };
    }
    return joined;
  }

  #toReference(reference: string): string {
    const known = this.#references.get(reference);
    if (known !== undefined) return known;
    const hint = `ref-${reference.split('/').at(-1) ?? 'root'}`;
    const name = this.#add(hint, '');
    // Before what it refers to is written: that may refer back.
    this.#references.set(reference, name);
    this.#rules.set(name, this.#toRule(this.#resolve(reference), hint));
    return name;
  }

  #resolve(reference: string): unknown {
    if (!reference.startsWith('#')) throw refuse('$ref', `the reference ${reference} leads out of the schema`);
    let place: unknown = this.#root;
    for (const part of reference.slice(1).split('/').filter(Boolean)) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      place = isSchema(place) ? place[key] : Array.isArray(place) ? place[Number(key)] : undefined;
    }
    if (place === undefined) throw refuse('$ref', `the schema has nothing at ${reference}`);
    return place;
  }

  #toString(schema: Schema, hint: string): string {
    const { format, minLength, maxLength } = schema;
    if (typeof format === 'string' && Object.hasOwn(formats, format))
      return this.#add(hint, formats[format] ?? 'string');
    if (minLength === undefined && maxLength === undefined) return 'string';
    return this.#add(hint, `"\\"" char${repetition(toCount(minLength) ?? 0, toCount(maxLength))} "\\""`);
  }

  #toInteger(schema: Schema, hint: string): string {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
    const least = greatest(minimum, shifted(exclusiveMinimum, 1));
    const most = smallest(maximum, shifted(exclusiveMaximum, -1));
    if (least === undefined && most === undefined) return 'integer';
    const rule = integerRange(least, most);
    if (rule === undefined) throw refuse('minimum', 'a schema has an integer that can have no value');
    return this.#add(hint, rule);
  }

  #toArray(schema: Schema, hint: string): string {
    const { prefixItems, items, minItems, maxItems } = schema;
    const tuple = Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : undefined;
    const least = toCount(minItems) ?? 0;
    const most = toCount(maxItems);
    if (tuple !== undefined) {
      const rules = tuple.map((item, index) => this.#toRule(item, `${hint}-${index + 1}`));
      const rest = Array.isArray(items) || items === false ? undefined : this.#toRule(items, `${hint}-item`);
      const bounds = repetition(
        Math.max(0, least - rules.length),
        most === undefined ? undefined : most - rules.length,
      );
      const more = rest === undefined || most === rules.length ? '' : ` ( "," space ${rest} space )${bounds}`;
      return this.#add(hint, `"[" space ${rules.map((rule) => `${rule} space`).join(' "," space ')}${more} "]"`);
    }
    if (most === 0) return this.#add(hint, '"[" space "]"');
    const item = this.#toRule(items, `${hint}-item`);
    const more = `( "," space ${item} space )${repetition(Math.max(0, least - 1), most === undefined ? undefined : most - 1)}`;
    const some = `${item} space ${most === 1 ? '' : more}`;
    return this.#add(hint, `"[" space ${least === 0 ? `( ${some} )?` : some} "]"`);
  }

  #toObject(schema: Schema, hint: string): string {
    const properties = Object.entries(toSchema(schema['properties']));
    const required = new Set(toTexts(schema['required']));
    const { additionalProperties } = schema;
    for (const name of required) {
      if (!properties.some(([known]) => known === name)) properties.push([name, additionalProperties ?? true]);
    }
    const members = properties.map(([name, value]) => ({
      isRequired: required.has(name),
      rule: this.#add(
        `${hint}-${name}-member`,
        `${literal(JSON.stringify(name))} space ":" space ${this.#toRule(value, `${hint}-${name}`)} space`,
      ),
    }));
    // Without any member named, an object of unknown members is meant.
    const isOpen =
      additionalProperties === true ||
      isSchema(additionalProperties) ||
      (additionalProperties === undefined && members.length === 0);
    if (isOpen) {
      const value = isSchema(additionalProperties) ? this.#toRule(additionalProperties, `${hint}-other`) : 'value';
      const other = this.#add(`${hint}-others-member`, `string space ":" space ${value} space`);
      members.push({ isRequired: false, rule: this.#add(`${hint}-others`, `${other} ( "," space ${other} )*`) });
    }
    return this.#add(hint, `"{" space ${this.#inOrder(members, hint)} "}"`);
  }

  /** Members in their order, those that are not required or left out, with commas between those that are there. */
  #inOrder(members: readonly { readonly isRequired: boolean; readonly rule: string }[], hint: string): string {
    // From the last to the first: what may follow a member that is there.
    let after = '';
    const tails: string[] = [];
    for (const { isRequired, rule } of members.toReversed()) {
      tails.unshift(after);
      if (after !== '' && after.length > 60) after = this.#add(`${hint}-rest`, after);
      after = isRequired ? `"," space ${rule} ${after}` : `( "," space ${rule} )? ${after}`;
    }
    const begins: string[] = [];
    for (const [index, { isRequired, rule }] of members.entries()) {
      begins.push(`${rule} ${tails[index] ?? ''}`);
      if (isRequired) return `( ${begins.join(' | ')} )`;
    }
    return begins.length === 0 ? '' : `( ${begins.join(' | ')} )?`;
  }
}

function guessType(schema: Schema): string | undefined {
  if (schema['properties'] !== undefined || schema['required'] !== undefined) return 'object';
  if (schema['additionalProperties'] !== undefined) return 'object';
  if (schema['items'] !== undefined || schema['prefixItems'] !== undefined) return 'array';
  if (schema['minLength'] !== undefined || schema['maxLength'] !== undefined) return 'string';
  return undefined;
}

function repetition(least: number, most: number | undefined): string {
  if (least > mostRepetitions || (most !== undefined && most > mostRepetitions)) {
    // A grammar writes every repetition out; the upper bound of so long a list or text is let go.
    if (least > mostRepetitions)
      throw refuse('minLength', `a schema may ask for at most ${mostRepetitions} characters or items`);
    return least === 0 ? '*' : `{${least},}`;
  }
  if (most === undefined) return least === 0 ? '*' : `{${least},}`;
  return `{${least},${Math.max(least, most)}}`;
}

function greatest(...numbers: readonly unknown[]): bigint | undefined {
  const known = numbers.filter((number) => typeof number === 'number').map((number) => BigInt(Math.ceil(number)));
  return known.length === 0 ? undefined : known.reduce((a, b) => (a > b ? a : b));
}

function smallest(...numbers: readonly unknown[]): bigint | undefined {
  const known = numbers.filter((number) => typeof number === 'number').map((number) => BigInt(Math.floor(number)));
  return known.length === 0 ? undefined : known.reduce((a, b) => (a < b ? a : b));
}

function shifted(bound: unknown, by: 1 | -1): number | undefined {
  if (typeof bound !== 'number') return undefined;
  return by === 1 ? Math.floor(bound) + 1 : Math.ceil(bound) - 1;
}

function toCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toSchema(value: unknown): Schema {
  return isSchema(value) ? value : {};
}

function toTexts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function refuse(keyword: string, message: string): ClusterError {
  return new ClusterError('unsupported', message, { details: { param: keyword } });
}
