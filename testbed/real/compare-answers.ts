import type { WireAnswer } from './wire-call.ts';

/** One place where two answers are not equal. */
export interface Difference {
  /** `status`, `contentType`, `body`, `body.message.content`, `body[3].done`, … */
  readonly at: string;
  readonly engine: unknown;
  readonly waggle: unknown;
}

/** Every difference that is not a time or a random id. Of those only the form is compared. */
export function compareAnswers(engine: WireAnswer, waggle: WireAnswer): Difference[] {
  const differences: Difference[] = [];
  compare('', toComparable(engine), toComparable(waggle), differences);
  return differences;
}

interface Comparable {
  readonly status: number;
  readonly contentType: string;
  readonly allow: string;
  readonly location: string;
  /** `lines` of NDJSON, `events` of a stream of events, one JSON value, or plain text. */
  readonly form: string;
  readonly endsWithNewline: boolean;
  readonly body: unknown;
}

function toComparable(answer: WireAnswer): Comparable {
  const { text, contentType, status, allow, location } = answer;
  const shared = { status, contentType, allow, location, endsWithNewline: text.endsWith('\n') };
  if (contentType.startsWith('application/x-ndjson')) {
    return { ...shared, form: 'lines', body: text.split('\n').filter(Boolean).map(readJson) };
  }
  if (contentType.startsWith('text/event-stream')) {
    return { ...shared, form: 'events', body: text.split('\n\n').filter(Boolean).map(readEvent) };
  }
  if (contentType.startsWith('application/json') && text !== '')
    return { ...shared, form: 'json', body: readJson(text) };
  return { ...shared, form: 'text', body: text };
}

function readEvent(event: string): unknown {
  return event.startsWith('data: {') ? { data: readJson(event.slice('data: '.length)) } : event;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text, blankUnstable);
  } catch {
    return `no JSON: ${text}`;
  }
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const farFuture = /^2[1-9]\d\d-/;

/** What two runs of one engine never have in common becomes its form, so that a wrong form is still a difference. */
function blankUnstable(key: string, value: unknown): unknown {
  switch (key) {
    case 'created_at':
    case 'modified_at':
      return typeof value === 'string' && rfc3339.test(value) ? '<time>' : value;
    case 'expires_at':
      if (typeof value !== 'string' || !rfc3339.test(value)) return value;
      return farFuture.test(value) ? '<never>' : '<time>';
    case 'total_duration':
    case 'load_duration':
    case 'prompt_eval_duration':
    case 'eval_duration':
      return Number.isInteger(value) && Number(value) > 0 ? '<nanoseconds>' : value;
    case 'created':
      return Number.isInteger(value) && Number(value) > 1_600_000_000 && Number(value) < 4_000_000_000
        ? '<seconds>'
        : value;
    case 'id':
      if (typeof value !== 'string') return value;
      return value.replace(/^(chatcmpl|cmpl)-\d+$/, '$1-<number>').replace(/^call_[a-z\d]{8}$/, 'call_<random>');
    case 'modelfile':
      // It names the folder the engine keeps its files in, and lists its parameters in any order.
      return typeof value === 'string'
        ? sortLines(value.replace(/^FROM \/\S*\/blobs\//m, 'FROM <folder>/blobs/'))
        : value;
    case 'parameters':
      return typeof value === 'string' ? sortLines(value) : value;
    case 'models':
    case 'data':
      // Newest first, and two engines got their models at different times.
      return Array.isArray(value) ? value.toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1)) : value;
    case 'error':
    case 'message':
      // The port of the engine's own runner, and the folder it keeps its files in.
      return typeof value === 'string'
        ? value
            .replace(/127\.0\.0\.1:\d{4,5}/g, '127.0.0.1:<port>')
            .replace(/\/\S*\/(blobs|manifests)\//g, '<folder>/$1/')
        : value;
    default:
      return value;
  }
}

function sortLines(text: string): string {
  return text.split('\n').toSorted().join('\n');
}

function nameOf(entry: unknown): string {
  if (!isRecord(entry)) return '';
  const name = entry['name'] ?? entry['id'];
  return typeof name === 'string' ? name : '';
}

function compare(at: string, engine: unknown, waggle: unknown, found: Difference[]): void {
  if (Array.isArray(engine) && Array.isArray(waggle)) {
    if (engine.length !== waggle.length)
      found.push({ at: `${at}.length`, engine: engine.length, waggle: waggle.length });
    const shorter = Math.min(engine.length, waggle.length);
    for (let index = 0; index < shorter; index++) compare(`${at}[${index}]`, engine[index], waggle[index], found);
    return;
  }
  if (isRecord(engine) && isRecord(waggle)) {
    for (const key of new Set([...Object.keys(engine), ...Object.keys(waggle)])) {
      compare(at === '' ? key : `${at}.${key}`, engine[key], waggle[key], found);
    }
    return;
  }
  if (!Object.is(engine, waggle)) found.push({ at, engine, waggle });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
