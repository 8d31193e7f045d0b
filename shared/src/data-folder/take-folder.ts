import { describeFileError } from './file-problem.ts';
import { type LockHolder, lockFolder } from './folder-lock.ts';
import { makeFolder } from './make-folder.ts';

/** What came of it; problems are a sentence without its first capital and its full stop. */
export type TakenFolder =
  | { readonly kind: 'taken'; readonly lock: Disposable }
  | { readonly kind: 'held'; readonly problem: string }
  | { readonly kind: 'failed'; readonly problem: string; readonly cause: unknown };

/** Makes a data folder where it is missing, and locks it: until the lock is disposed no other process has it. */
export function takeFolder(folder: string): TakenFolder {
  try {
    makeFolder(folder);
  } catch (cause) {
    return { kind: 'failed', problem: cannotBeUsed(folder, describeFileError(cause)), cause };
  }
  const result = lockFolder(folder);
  switch (result.kind) {
    case 'locked':
      return { kind: 'taken', lock: result.lock };
    case 'held':
      return { kind: 'held', problem: inUse(folder, result.holder) };
    case 'failed':
      return { kind: 'failed', problem: cannotBeUsed(folder, result.problem), cause: result.cause };
  }
}

/** The sentence for a folder that is no good, or not any more; `why` is a clause of its own. */
export function cannotBeUsed(folder: string, why: string): string {
  return `the data folder ${folder} cannot be used: ${why}; name another with --data DIR`;
}

function inUse(folder: string, holder: LockHolder | undefined): string {
  const who = holder === undefined ? '' : ` (process ${holder.pid} on ${holder.host}, since ${holder.since})`;
  return `the data folder ${folder} is in use by another Waggle${who}; stop that one, or name another folder with --data DIR`;
}
