// One process per folder. The lock is the operating system's own lock on a file (through SQLite, the only thing in Node
// that takes one): the kernel lets go of it when the process dies, however it dies, and it does not look at process
// numbers, which two containers may share. Invariant: nothing else in this process opens the lock file, because closing
// any handle to it would drop the lock on POSIX systems.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describeFileError } from './file-problem.ts';

/** What the holder wrote about itself; only for messages. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
}

export type LockResult =
  | { readonly kind: 'locked'; readonly lock: Disposable }
  | { readonly kind: 'held'; readonly holder: LockHolder | undefined }
  | { readonly kind: 'failed'; readonly problem: string; readonly cause: unknown };

const lockFile = 'waggle.lock';
const holderFile = 'waggle.lock.json';

/** Takes the lock of an existing folder, without waiting. Disposing the lock releases it. */
export function lockFolder(folder: string): LockResult {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path.join(folder, lockFile), { timeout: 0 });
    // Nothing is ever written into it; a journal on disk would only be left behind.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    return refused(folder, cause);
  }
  const file = path.join(folder, holderFile);
  const holder: LockHolder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  try {
    writeFileSync(file, JSON.stringify(holder), { mode: 0o600 });
  } catch (cause) {
    database.close();
    return { kind: 'failed', problem: describeFileError(cause), cause };
  }
  return { kind: 'locked', lock: keep(database, file) };
}

function keep(database: DatabaseSync, file: string): Disposable {
  const release = () => {
    process.off('exit', release);
    if (!database.isOpen) return;
    try {
      rmSync(file, { force: true });
    } catch {
      // It is for messages only, and this may be the end of the process.
    }
    database.close();
  };
  // Not only tidy: a handle nobody refers to is collected, and closed, which would let go of the lock.
  process.on('exit', release);
  return { [Symbol.dispose]: release };
}

const sqliteProblems: Readonly<Record<number, string>> = {
  8: 'it is read-only',
  10: 'its file system cannot lock files, or fails',
  13: 'the disk is full',
  14: 'no file can be made in it',
  15: 'its file system cannot lock files',
  26: `${lockFile} in it is damaged; delete that file`,
};
const sqliteBusy = 5;

function refused(folder: string, cause: unknown): LockResult {
  const isSqlite = cause instanceof Error && 'errcode' in cause && typeof cause.errcode === 'number';
  const code = isSqlite ? Number(cause.errcode) & 0xff : undefined;
  if (code === sqliteBusy) return { kind: 'held', holder: readHolder(folder) };
  const known = code === undefined ? undefined : sqliteProblems[code];
  return { kind: 'failed', problem: known ?? describeFileError(cause), cause };
}

function readHolder(folder: string): LockHolder | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path.join(folder, holderFile), 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { pid, host, since } = parsed as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof since !== 'string') return undefined;
    return { pid, host, since };
  } catch {
    return undefined;
  }
}
