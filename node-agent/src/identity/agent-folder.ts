import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UsageError } from '../config/usage-error.ts';

/** The folder of one agent; no other process has it until it is disposed. */
export interface AgentFolder extends Disposable {
  readonly path: string;
  /** 1 for the first agent of the machine; others have folders of their own beside it. */
  readonly number: number;
}

const lockFile = 'agent.lock';
const sqliteBusy = 5;
const mostAgents = 99;

/**
 * Locks the folder, or the next free one beside it (`agent-2`, …) where nobody chose it. The lock is the operating system's,
 * through SQLite, the only thing in Node that takes one: it goes with the process, however that ends.
 *
 * @throws UsageError in one sentence when the folder cannot be written, or was chosen and is in use
 */
export function openAgentFolder(folder: string, isChosen: boolean): AgentFolder {
  for (let number = 1; number <= (isChosen ? 1 : mostAgents); number++) {
    const candidate = number === 1 ? folder : `${folder}-${number}`;
    const lock = tryLock(candidate);
    if (lock === undefined) continue;
    const close = () => {
      process.off('exit', close);
      if (lock.isOpen) lock.close();
    };
    // A handle nobody refers to would be collected, and the lock with it.
    process.on('exit', close);
    return { path: candidate, number, [Symbol.dispose]: close };
  }
  throw new UsageError(
    `The data folder ${folder} is in use by another agent; stop that one, or name another folder with --data DIR.`,
  );
}

function tryLock(folder: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(path.join(folder, lockFile), { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (cause) {
    database?.close();
    if (isBusy(cause)) return undefined;
    const why = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new UsageError(`The data folder ${folder} cannot be used (${why}); name another with --data DIR.`, { cause });
  }
}

function isBusy(cause: unknown): boolean {
  return cause instanceof Error && 'errcode' in cause && (Number(cause.errcode) & 0xff) === sqliteBusy;
}
