import type { Timings, Usage } from '@waggle/shared/chat/chat-event.ts';
import type { CancelledRun } from '../engine-run.ts';

/** Older versions finish reading a prompt although its client left. */
const stopsInPrefill = [0, 30] as const;
const restMaxMs = 60_000;
const bytesPerToken = 4;
/** Of the slowest pace seen; what was cached made later ones look faster than they are. */
const decay = 0.95;

/** Predicts how long an Ollama that does not stop within a prompt goes on after its client left. */
export class PrefillPace {
  #msPerToken = 0;

  observe(usage: Usage | undefined, timings: Timings): void {
    const tokens = (usage?.promptTokens ?? 0) - (usage?.cachedTokens ?? 0);
    if (timings.prefillMs === undefined || tokens <= 0) return;
    this.#msPerToken = Math.max(timings.prefillMs / tokens, this.#msPerToken * decay);
  }

  /** Undefined: it has stopped with its connection. */
  restMs(run: CancelledRun, version: string): number | undefined {
    if (isModern(version) || run.answered) return undefined;
    const rest = (run.bodyBytes / bytesPerToken) * this.#msPerToken - run.elapsedMs;
    return Math.min(restMaxMs, Math.max(0, rest));
  }
}

/** A version that is not told, or no number, is taken for a new one. */
function isModern(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined) return true;
  const [sinceMajor, sinceMinor] = stopsInPrefill;
  return Number(major) > sinceMajor || (Number(major) === sinceMajor && Number(minor) >= sinceMinor);
}
