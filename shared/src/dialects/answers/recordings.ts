import { readFileSync } from 'node:fs';
import { type EndpointName, endpoints, isEndpointName } from '../../chat/endpoints.ts';

/** One recorded answer of a real engine, for tests. */
export interface Recording {
  readonly engine: string;
  readonly name: string;
  readonly endpoint: EndpointName;
  readonly requestBody: unknown;
  readonly status: number;
  readonly isStream: boolean;
  readonly bytes: Buffer;
}

const folder = new URL('../../../fixtures/', import.meta.url);

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  readonly contentType: string;
  readonly file: string;
}

/** Every recorded answer of the generation endpoints. */
export function readRecordings(): Recording[] {
  return ['ollama-0.24', 'ollama-0.34', 'vllm-sim', 'llama-server'].flatMap((engine) =>
    readEntries(engine).flatMap((entry) => {
      const endpoint = Object.keys(endpoints).find(
        (name) => isEndpointName(name) && endpoints[name].path === entry.path,
      );
      if (endpoint === undefined || !isEndpointName(endpoint)) return [];
      return [
        {
          engine,
          name: entry.name,
          endpoint,
          requestBody: entry.body,
          status: entry.status,
          isStream: /event-stream|ndjson/.test(entry.contentType),
          bytes: readFileSync(new URL(`${engine}/${entry.file}`, folder)),
        },
      ];
    }),
  );
}

function readEntries(engine: string): Entry[] {
  return JSON.parse(readFileSync(new URL(`${engine}/index.json`, folder), 'utf8')) as Entry[];
}

/** What real Ollama 0.34.2 said to odd requests; without `error` it took them. */
export interface Refusal {
  readonly path: string;
  readonly body: unknown;
  readonly status: number;
  readonly error?: string;
}

export function readRefusals(): Refusal[] {
  return JSON.parse(readFileSync(new URL('ollama-0.34/refusals.json', folder), 'utf8')) as Refusal[];
}

/** The bytes in pieces that end at the given places (taken modulo the length). */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((one, other) => one - other);
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut > from) pieces.push(Uint8Array.prototype.slice.call(bytes, from, cut));
    from = Math.max(from, cut);
  }
  return pieces;
}
