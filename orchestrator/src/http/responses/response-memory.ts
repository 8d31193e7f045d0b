import type { JsonObject } from '@waggle/shared/dialects/json/json-value.ts';

export interface MemoryLimits {
  readonly count: number;
  readonly bytes: number;
}

/** A response, what was said to it, and what went before. Texts, so that what is kept is no graph of small objects. */
export interface KeptResponse {
  readonly id: string;
  /** Its object as JSON. */
  readonly response: Buffer;
  /** The items of its own request, as JSON. */
  readonly input: Buffer;
  readonly previous: KeptResponse | undefined;
}

interface Entry extends KeptResponse {
  readonly previous: Entry | undefined;
  /** How many need it: the list, and each response that goes on from it. */
  holders: number;
}

/**
 * The responses that clients may go on from or ask for again, the longest unused forgotten first. One that was forgotten or deleted stays
 * counted as long as a later one of its conversation is kept: each text is in memory once, and is counted once.
 */
export class ResponseMemory {
  readonly #limits: MemoryLimits;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(limits: MemoryLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  keep(
    id: string,
    said: { readonly response: JsonObject; readonly input: readonly JsonObject[] },
    previous: KeptResponse | undefined,
  ): void {
    const entry: Entry = {
      id,
      response: Buffer.from(JSON.stringify(said.response)),
      input: Buffer.from(JSON.stringify(said.input)),
      previous: previous as Entry | undefined,
      holders: 0,
    };
    this.#entries.set(id, entry);
    this.#hold(entry);
    for (const [oldest] of this.#entries) {
      if (this.#entries.size <= this.#limits.count && this.#bytes <= this.#limits.bytes) break;
      this.delete(oldest);
    }
  }

  find(id: string): KeptResponse | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry;
  }

  delete(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#entries.delete(id);
    this.#release(entry);
    return true;
  }

  #hold(from: Entry): void {
    for (let entry: Entry | undefined = from; entry !== undefined && entry.holders++ === 0; entry = entry.previous)
      this.#bytes += entry.response.length + entry.input.length;
  }

  #release(from: Entry): void {
    for (let entry: Entry | undefined = from; entry !== undefined && --entry.holders === 0; entry = entry.previous)
      this.#bytes -= entry.response.length + entry.input.length;
  }
}

/** Everything up to the end of a response, oldest first. */
export function itemsUpTo(kept: KeptResponse): readonly JsonObject[] {
  return [...inputOf(kept), ...outputOf(kept)];
}

/** What a response was given: its own input behind all that went before. */
export function inputOf(kept: KeptResponse): readonly JsonObject[] {
  const chain: KeptResponse[] = [];
  for (let at: KeptResponse | undefined = kept; at !== undefined; at = at.previous) chain.unshift(at);
  return chain.flatMap((at) => [...parseItems(at.input), ...(at === kept ? [] : outputOf(at))]);
}

export function outputOf(kept: KeptResponse): readonly JsonObject[] {
  const { output } = JSON.parse(kept.response.toString('utf8')) as { readonly output: readonly JsonObject[] };
  return output;
}

function parseItems(json: Buffer): readonly JsonObject[] {
  return JSON.parse(json.toString('utf8')) as readonly JsonObject[];
}
