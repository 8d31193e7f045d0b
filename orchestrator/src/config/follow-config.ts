import { closeSync, openSync } from 'node:fs';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { ConfigReloader, type ConfigReloaderDeps } from './config-reloader.ts';
import { ConfigWatcher } from './config-watcher.ts';

/** What is needed of the process. */
export interface HungUpProcess {
  readonly pid: number;
  readonly stdout: { on(event: 'error', listener: () => void): unknown };
  readonly stderr: { on(event: 'error', listener: () => void): unknown };
  on(signal: 'SIGHUP', listener: () => void): unknown;
  kill(pid: number, signal: 'SIGTERM'): unknown;
}

/**
 * Takes up changes of the configuration from now on: of its file, and on SIGHUP. A terminal that is closed sends the same signal to what
 * was started in it, and that ends as it would on SIGTERM.
 */
export function followConfig(
  deps: ConfigReloaderDeps,
  clock: Clock,
  target: HungUpProcess = process,
  hasTerminal: () => boolean = canOpenTerminal,
): ConfigWatcher {
  const reloader = new ConfigReloader(deps);
  const hadTerminal = hasTerminal();
  target.on('SIGHUP', () => {
    if (!hadTerminal || hasTerminal()) {
      reloader.asked();
      return;
    }
    // What is said from now on reaches nobody, which is no reason to leave clients in the middle of their answers.
    for (const stream of [target.stdout, target.stderr]) stream.on('error', () => {});
    target.kill(target.pid, 'SIGTERM');
  });
  const watcher = new ConfigWatcher({
    file: deps.started.filePlace,
    clock,
    changed: () => reloader.fileChanged(),
  });
  watcher.start();
  return watcher;
}

/** The one the process was started in, whatever its streams lead to. */
function canOpenTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
