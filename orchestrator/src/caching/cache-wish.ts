import { hash } from 'node:crypto';
import { type EndpointName, endpoints } from '@waggle/shared/chat/endpoints.ts';
import { isObject, type JsonObject } from '@waggle/shared/dialects/json/json-value.ts';

/** What the client's headers say about the cache. */
export interface CacheControl {
  /** `cache-control: no-store`: neither look nor keep. */
  readonly noStore: boolean;
  /** `cache-control: no-cache`: a new answer, which replaces the kept one. */
  readonly noCache: boolean;
  /** `x-waggle-cache: use`: this request may be answered by the cache although it does not ask for one certain answer. */
  readonly use: boolean;
}

/** A request as the cache judges it. */
export interface JudgedRequest {
  readonly endpoint: EndpointName;
  /** The engine's own bytes are no answer for a client that takes events, nor the other way round. */
  readonly answer: 'native' | 'events';
  /** Its body, read as JSON. */
  readonly parsed: unknown;
  /** Length of its body. */
  readonly bytes: number;
}

/** What a request wants of the cache. */
export interface CacheWish {
  /** SHA-256 of the request in its canonical form, which leaves out whatever does not change the words of the answer. */
  readonly requestHash: string;
  /** Answer from the cache where it can. */
  readonly read: boolean;
}

/** Keys that change how an answer travels, how long a model stays, or who is told: not what it says. */
const silentKeys: ReadonlySet<string> = new Set(['stream', 'keep_alive', 'user', 'metadata', 'safety_identifier']);

export interface CacheSettings {
  /** A request with a seed is taken for one that asks for one certain answer. */
  readonly seeded: boolean;
}

/** Longer bodies take longer to be hashed than others may be made to wait: images, mostly. */
const longestRequest = 1_048_576;

/**
 * Whether a request may be answered from the cache: by default only one that asks for the likeliest answer (temperature 0, written out)
 * and calls no tools. Undefined: it may not.
 */
export function toCacheWish(
  { endpoint, answer, parsed, bytes }: JudgedRequest,
  control: CacheControl,
  settings: CacheSettings,
): CacheWish | undefined {
  if (control.noStore || bytes > longestRequest || !isObject(parsed) || asksForSeveral(parsed)) return undefined;
  if (!control.use && !isRepeatable(endpoint, parsed, settings.seeded)) return undefined;
  const form = `${endpoint} ${answer}\n${canonical(parsed, answer)}`;
  return { requestHash: hash('sha256', form, 'base64url'), read: !control.noCache };
}

/** Whoever is given a kept answer as events is given one. */
function asksForSeveral({ n, prompt }: JsonObject): boolean {
  if (typeof n === 'number' && n > 1) return true;
  return Array.isArray(prompt) && prompt.length > 1 && typeof prompt[0] !== 'number';
}

function isRepeatable(endpoint: EndpointName, parsed: JsonObject, seeded: boolean): boolean {
  const { tools, functions } = parsed;
  if ([tools, functions].some((list) => Array.isArray(list) && list.length > 0)) return false;
  const { dialect, kind } = endpoints[endpoint];
  if (kind === 'embedding') return false;
  const sampling = dialect === 'ollama' ? parsed['options'] : parsed;
  if (!isObject(sampling)) return false;
  return sampling['temperature'] === 0 || (seeded && typeof sampling['seed'] === 'number');
}

/**
 * Keys in one order on the first two levels. Deeper ones keep theirs: in a JSON schema it is the order of the answer. Events have the
 * usage, streamed or not; of the engine's own stream it is a part where it was asked for.
 */
function canonical(parsed: JsonObject, answer: JudgedRequest['answer']): string {
  const keys = Object.keys(parsed)
    .filter((key) => !silentKeys.has(key) && !(answer === 'events' && key === 'stream_options'))
    .toSorted();
  return keys
    .map((key) => `${JSON.stringify(key)}:${JSON.stringify(key === 'options' ? inOrder(parsed[key]) : parsed[key])}`)
    .join('\n');
}

function inOrder(options: unknown): unknown {
  if (!isObject(options)) return options;
  return Object.fromEntries(Object.entries(options).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
