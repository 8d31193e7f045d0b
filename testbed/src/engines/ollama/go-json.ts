/** The request could not be read, in the words of Go's JSON decoder. */
export class GoJsonError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GoJsonError';
  }
}

export type GoKind = 'string' | 'number' | 'bool' | 'object' | 'array' | 'any';

export interface GoField {
  readonly kind: GoKind;
  /** The type as Go's error names it. */
  readonly type: string;
}

export type GoStruct = Readonly<Record<string, GoField>>;

/** The body of a request: its text, and what JSON made of it. */
export interface BodyText {
  readonly bodyText: string;
  /** Undefined if it is no JSON. */
  readonly body: unknown;
}

/** A body as the fields of a Go struct. `null` and absent are the same, unknown fields pass. */
export function readGoStruct(request: BodyText, name: string, fields: GoStruct): Readonly<Record<string, unknown>> {
  const { bodyText, body: value } = request;
  if (bodyText === '') throw new GoJsonError('missing request body');
  if (value === undefined) throw new GoJsonError(explainSyntax(bodyText));
  if (value === null) return {};
  const kind = kindOf(value);
  if (kind !== 'object') throw new GoJsonError(`json: cannot unmarshal ${kind} into Go value of type api.${name}`);
  const body = value as Record<string, unknown>;
  for (const [key, field] of Object.entries(fields)) checkGoField(body[key], field, `${name}.${key}`);
  return body;
}

export function checkGoField(value: unknown, field: GoField, path: string): void {
  if (value === undefined || value === null || field.kind === 'any') return;
  const kind = kindOf(value);
  if (kind === field.kind) return;
  throw new GoJsonError(`json: cannot unmarshal ${kind} into Go struct field ${path} of type ${field.type}`);
}

export function kindOf(value: unknown): Exclude<GoKind, 'any'> {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'string' || typeof value === 'number') return typeof value as 'string' | 'number';
  return typeof value === 'boolean' ? 'bool' : 'object';
}

function explainSyntax(text: string): string {
  try {
    JSON.parse(text);
    return 'unexpected EOF';
  } catch (error) {
    return toGoSyntaxError(text, error instanceof Error ? error.message : '');
  }
}

/** Close enough for clients that show it: the truncated and the misplaced character are told apart. */
function toGoSyntaxError(text: string, message: string): string {
  if (/end of JSON|unterminated/i.test(message)) return 'unexpected EOF';
  const position = /position (\d+)/.exec(message)?.[1];
  const token = /token '(.)'/s.exec(message)?.[1];
  const found = position === undefined ? token : text[Number(position)];
  if (found === undefined) return 'unexpected EOF';
  const where = /property name/i.test(message) ? 'object key string' : 'value';
  return `invalid character '${found}' looking for beginning of ${where}`;
}
