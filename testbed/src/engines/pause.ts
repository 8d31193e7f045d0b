/**
 * Waits `ms` milliseconds, or until `signal` is aborted. Zero or less waits for nothing and sets no timer;
 * Infinity waits for the signal alone. Resolves either way: the caller looks at the signal.
 */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', settle);
      resolve();
    };
    if (ms !== Number.POSITIVE_INFINITY) timer = setTimeout(settle, ms);
    signal.addEventListener('abort', settle);
  });
}

/** Never aborted: for work that goes on whoever leaves. */
export const unstoppable: AbortSignal = new AbortController().signal;

/** Milliseconds since 1970 with fractions: comparable between the processes of one machine. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
