import { stat } from 'node:fs/promises';
import type { Clock } from '@waggle/shared/observing/clock.ts';

const everyMs = 1_000;

export interface ConfigWatcherDeps {
  /** Path of a file that may or may not be there. */
  readonly file: string;
  readonly clock: Clock;
  /** Tells one version of the file from another; that of `readVersion` unless told. */
  readonly versionOf?: (file: string) => Promise<string>;
  /** Called once for each version of the file, the first one too, when it has been the same for a second. */
  readonly changed: () => void;
}

/**
 * Follows a file by looking at it each second. What the system tells of changes (`fs.watch`) is silent on network mounts, is bound to
 * the inode that a rename replaces, and cannot be asked of a file that is not there yet; one look costs some 30 µs. A version counts when
 * it was seen twice: an editor that empties a file and then writes it is not read in the middle.
 */
export class ConfigWatcher {
  readonly #deps: ConfigWatcherDeps;
  #cancelTimer: () => void = () => {};
  #seen: string | undefined;
  #told: string | undefined;
  #isStopped = false;

  constructor(deps: ConfigWatcherDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#cancelTimer = this.#deps.clock.schedule(everyMs, () => void this.#look());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  async #look(): Promise<void> {
    const { file, versionOf = readVersion, changed } = this.#deps;
    const version = await versionOf(file);
    if (this.#isStopped) return;
    const isSettled = version === this.#seen;
    this.#seen = version;
    if (isSettled && version !== this.#told) {
      this.#told = version;
      changed();
    }
    this.start();
  }
}

/** Which file it is, how large and of when; or why that is not known. A look that takes long holds up nothing but the next one. */
export async function readVersion(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
  }
}
