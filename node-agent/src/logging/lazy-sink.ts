import type { LogLine, LogSink } from '@waggle/shared/observing/log-line.ts';

/** Lines that wait for the loading, which takes some tens of milliseconds. */
const heldMaxLines = 1_000;

/**
 * Loads the real sink with the first line that is to be written: a quiet agent never pays for it. Lines keep their order;
 * those of the moment in between are held back.
 */
export function createLazySink(load: () => Promise<LogSink>): LogSink {
  let loaded: LogSink | undefined;
  let held: LogLine[] | undefined;
  return {
    write(line) {
      if (loaded !== undefined) return loaded.write(line);
      if (held === undefined) {
        held = [];
        load().then((sink) => {
          loaded = sink;
          for (const early of held ?? []) sink.write(early);
          held = undefined;
        }, ignore);
      }
      return held.length < heldMaxLines && held.push(line) > 0;
    },
  };
}

/** A logger never throws; without a sink there is nowhere to say so. */
function ignore(): void {}
