/** Go's furthest moment: what Ollama shows for a model that stays. */
const FOR_EVER = '2319-03-03T09:53:04.490319885Z';

let second = 0;
let secondText = '';
let previous = 0;

/** Now, in RFC 3339 with nanoseconds as Go prints them. Never the same twice in a row. */
export function nowRfc3339(): string {
  const now = Math.max(previous + 0.000_25, performance.timeOrigin + performance.now());
  previous = now;
  return toRfc3339(now);
}

/** Milliseconds since 1970 as Go prints a time: nanoseconds without trailing zeros. */
export function toRfc3339(epochMs: number): string {
  if (epochMs === Number.POSITIVE_INFINITY) return FOR_EVER;
  const whole = Math.floor(epochMs / 1000);
  if (whole !== second) {
    second = whole;
    secondText = new Date(whole * 1000).toISOString().slice(0, 19);
  }
  // Doubles hold a quarter of a microsecond here; a last digit that is not 0 keeps the length.
  const nanoseconds = Math.floor((epochMs - whole * 1000) * 1000) * 1000 + 117;
  return `${secondText}.${String(nanoseconds).padStart(9, '0')}Z`;
}

/** Milliseconds as Go's nanoseconds, never 0: zero fields are left out of Ollama's answers. */
export function toNanoseconds(ms: number): number {
  return Math.max(1000, Math.round(ms * 1e6));
}
