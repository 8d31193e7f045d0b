import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';

/** One recorded request and its answer; see fixtures/README.md. */
export interface Recording {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly rawBody?: string;
  readonly status: number;
  readonly contentType: string;
  readonly file: string | null;
  readonly head: string;
  readonly edited?: boolean;
}

const FIXTURES = new URL('../../fixtures/', import.meta.url);

export function loadRecordings(folder: string): readonly Recording[] {
  return JSON.parse(readFileSync(new URL(`${folder}/index.json`, FIXTURES), 'utf8')) as readonly Recording[];
}

export interface RawAnswer {
  readonly status: number;
  /** Lower case, sorted, without `date`. */
  readonly headerNames: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The answer as it was recorded. */
export function readRecorded(folder: string, recording: Recording): RawAnswer {
  const head = readFileSync(new URL(`${folder}/${recording.head}`, FIXTURES), 'latin1');
  const lines = head.trimEnd().split(/\r?\n/).slice(1);
  const pairs = lines.map(
    (line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const,
  );
  const body = recording.file === null ? '' : readFileSync(new URL(`${folder}/${recording.file}`, FIXTURES), 'utf8');
  return { status: recording.status, body, ...toHeaders(pairs) };
}

/** Asks `url` what the recording asked. */
export function replay(url: string, recording: Recording): Promise<RawAnswer> {
  const body = recording.rawBody ?? (recording.body === undefined ? undefined : JSON.stringify(recording.body));
  return askRaw(url, recording.method, recording.path, body);
}

export function askRaw(url: string, method: string, path: string, body?: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    // A connection of its own, which the server is not asked to close: its headers would say so.
    const agent = new Agent({ keepAlive: true });
    const call = request(new URL(path, url), { method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        agent.destroy();
        const { rawHeaders } = response;
        const pairs = rawHeaders.flatMap((name, index) =>
          index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : [],
        );
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), ...toHeaders(pairs) });
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

function toHeaders(pairs: readonly (readonly [string, string])[]): Pick<RawAnswer, 'headers' | 'headerNames'> {
  const headers = Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
  return {
    headers,
    headerNames: Object.keys(headers)
      .filter((name) => name !== 'date')
      .toSorted(),
  };
}

const KNOWN_STRINGS: readonly (readonly [RegExp, string])[] = [
  [/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$/, 'time'],
  [/^(sha256:)?[0-9a-f]{64}$/, 'digest'],
];

/** Keys in their order and types of values: what two answers with other words have in common. Lists by what is in them. */
function shapeOf(value: unknown, ignored: readonly string[] = []): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return KNOWN_STRINGS.find(([pattern]) => pattern.test(value))?.[1] ?? 'string';
  if (Array.isArray(value)) return `[${[...new Set(value.map((entry) => shapeOf(entry, ignored)))].join('|')}]`;
  if (typeof value !== 'object') return typeof value;
  const fields = Object.entries(value).filter(([key]) => !ignored.includes(key));
  return `{${fields.map(([key, entry]) => `${key}:${shapeOf(entry, ignored)}`).join(',')}}`;
}

/** Distinct shapes of a body's JSON texts, in the order of their first appearance: one for JSON, any number for NDJSON and SSE. */
export function bodyShapes(answer: RawAnswer, ignored: readonly string[] = []): readonly string[] {
  const type = answer.headers['content-type'] ?? '';
  if (type.startsWith('application/x-ndjson')) return distinct(answer.body.trimEnd().split('\n'), ignored);
  if (type.startsWith('text/event-stream')) {
    const events = answer.body.trimEnd().split('\n\n');
    return distinct(
      events.map((event) => event.replace(/^data: /, '')),
      ignored,
    );
  }
  return type.startsWith('application/json') && answer.body !== '' ? distinct([answer.body], ignored) : [answer.body];
}

function distinct(texts: readonly string[], ignored: readonly string[]): readonly string[] {
  return [...new Set(texts.map((text) => (text === '[DONE]' ? text : shapeOf(JSON.parse(text), ignored))))];
}

/** What `recorded` has and `ours` lacks, by path. A look-alike may say less than the real server: more is no fault. */
export function missingParts(ours: unknown, recorded: unknown, path = ''): readonly string[] {
  if (recorded === null || ours === null) return ours === undefined ? [path] : [];
  if (Array.isArray(recorded)) {
    if (!Array.isArray(ours)) return [`${path} is no list`];
    return recorded.length > 0 && ours.length > 0 ? missingParts(ours[0], recorded[0], `${path}[]`) : [];
  }
  if (typeof recorded !== typeof ours) return [`${path} is ${typeof ours}, not ${typeof recorded}`];
  if (typeof recorded !== 'object') return [];
  return Object.entries(recorded).flatMap(([key, entry]) =>
    missingParts((ours as Readonly<Record<string, unknown>>)[key], entry, `${path}.${key}`),
  );
}

/** The JSON texts of a body. */
export function bodyTexts(answer: RawAnswer): readonly unknown[] {
  const type = answer.headers['content-type'] ?? '';
  const texts = type.startsWith('text/event-stream')
    ? answer.body
        .trimEnd()
        .split('\n\n')
        .map((event) => event.replace(/^data: /, ''))
    : [answer.body];
  return texts.filter((text) => text !== '' && text !== '[DONE]').map((text): unknown => JSON.parse(text));
}
