import type { Timings } from '../../chat/chat-event.ts';

/** In nanoseconds, as Ollama counts. Absent: nobody can tell. */
export interface Durations {
  readonly total: number | undefined;
  readonly load: number | undefined;
  readonly prefill: number | undefined;
  readonly decode: number | undefined;
}

/**
 * The durations of an answer, none of them 0: clients divide by them, and Ollama's are never 0. Of an engine that tells no time of
 * loading it is what prompt and answer leave of the whole, which is how Ollama's looks for a model that is loaded already. Of one
 * that tells no time of decoding it is the time between the first and the last event (`waitedMs`), else what the prompt leaves of
 * the whole, else the whole: an answer that came in one piece.
 */
export function toDurations(timings: Timings | undefined, waitedMs: number | undefined): Durations {
  const { totalMs, loadMs, prefillMs, decodeMs } = timings ?? {};
  const decoding = positive(decodeMs) ?? positive(waitedMs) ?? positive(left(totalMs, [loadMs, prefillMs])) ?? totalMs;
  return {
    total: toNs(totalMs),
    load: toNs(positive(loadMs) ?? left(totalMs, [prefillMs, decoding])),
    prefill: toNs(prefillMs),
    decode: toNs(decoding),
  };
}

function left(totalMs: number | undefined, parts: readonly (number | undefined)[]): number | undefined {
  return totalMs === undefined ? undefined : parts.reduce<number>((rest, part) => rest - (part ?? 0), totalMs);
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

function toNs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.max(1, Math.round(ms * 1e6));
}
