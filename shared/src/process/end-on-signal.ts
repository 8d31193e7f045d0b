/** What is needed of the process. */
export interface SignalledProcess {
  on(signal: 'SIGINT' | 'SIGTERM', listener: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
}

export interface EndOnSignal {
  /** Ends everything in order; called with the first signal. */
  readonly end: (signal: NodeJS.Signals) => Promise<void>;
  /** Called with what `end` threw, before the process exits with 1. */
  readonly failed: (thrown: unknown) => void;
}

/** A second signal counts only after this: a terminal under a watcher delivers one Ctrl-C twice. */
const secondSignalAfterMs = 1_000;

/**
 * The first SIGINT or SIGTERM ends the program in order, with exit code 0 (1 if that fails). A later one ends it at once,
 * with 1.
 */
export function endOnSignal(
  { end, failed }: EndOnSignal,
  target: SignalledProcess = process,
  now: () => number = () => performance.now(),
): void {
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstAt !== undefined) {
      if (now() - firstAt > secondSignalAfterMs) target.exit(1);
      return;
    }
    firstAt = now();
    end(signal).then(
      () => target.exit(0),
      (thrown: unknown) => {
        failed(thrown);
        target.exit(1);
      },
    );
  };
  target.on('SIGINT', onSignal);
  target.on('SIGTERM', onSignal);
}
