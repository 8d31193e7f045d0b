import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';

/**
 * The trimmed text of a file that only this user may read. Where there is none, or none that is usable, what `make` returns
 * is written first, so that the file is either complete or not there. Must not be called by two processes at once: hold the
 * folder's lock.
 *
 * @throws the file system's error
 */
export function readOrMakeSecret(
  file: string,
  make: () => string,
  isUsable: (text: string) => boolean = () => true,
): string {
  const kept = readSecret(file);
  if (kept !== undefined && isUsable(kept)) return kept;
  const text = make();
  writeSecret(file, text);
  return text;
}

function readSecret(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    // Copied or restored files lose their mode easily.
    chmodSync(file, 0o600);
    return text;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  }
}

/** The whole of it or nothing, for this user alone. @throws the file system's error */
export function writeSecret(file: string, text: string): void {
  const unfinished = `${file}.new`;
  rmSync(unfinished, { force: true });
  const handle = openSync(unfinished, 'wx', 0o600);
  try {
    writeSync(handle, `${text}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(unfinished, file);
}
