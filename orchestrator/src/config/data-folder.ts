import { randomBytes, randomUUID } from 'node:crypto';
import path from 'node:path';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import { readOrMakeSecret } from '@waggle/shared/data-folder/secret-file.ts';
import { cannotBeUsed, takeFolder } from '@waggle/shared/data-folder/take-folder.ts';
import type { DataConfig } from './compiled-config.ts';
import { ConfigError } from './config-error.ts';

/** The folder of this process, locked until it is disposed. */
export interface DataFolder extends Disposable {
  readonly path: string;
  /** Who chose the folder, for messages. */
  readonly source: string;
  /** Bearer token for administration from other machines; kept in `admin-token`. */
  readonly adminToken: string;
  /** Stable over restarts; kept in `cluster-id`. */
  readonly clusterId: string;
}

const ADMIN_TOKEN = /^[\w.~+/=-]{32,256}$/;
const CLUSTER_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Makes the folder where it is missing (for this user alone), locks it and makes what belongs into it once.
 *
 * @throws ConfigError when another process has it, when it cannot be written, when a file in it is damaged
 */
export function openDataFolder({ folder, source: chosenBy }: DataConfig): DataFolder {
  const source = chosenBy === 'default' ? 'data' : chosenBy;
  const refuse = (problem: string, cause?: unknown) =>
    new ConfigError({ key: 'data', source, problem, expected: 'a folder of its own that can be written' }, { cause });
  const taken = takeFolder(folder);
  if (taken.kind !== 'taken') throw refuse(taken.problem, taken.kind === 'failed' ? taken.cause : undefined);
  const { lock } = taken;
  try {
    const adminToken = kept(folder, 'admin-token', ADMIN_TOKEN, () => randomBytes(32).toString('base64url'));
    const clusterId = kept(folder, 'cluster-id', CLUSTER_ID, randomUUID);
    return { path: folder, source, adminToken, clusterId, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  } catch (cause) {
    lock[Symbol.dispose]();
    if (cause instanceof DamagedFile) throw refuse(cause.message);
    throw refuse(cannotBeUsed(folder, describeFileError(cause)), cause);
  }
}

class DamagedFile extends Error {}

function kept(folder: string, name: string, form: RegExp, make: () => string): string {
  const file = path.join(folder, name);
  const text = readOrMakeSecret(file, make);
  if (!form.test(text)) throw new DamagedFile(`${file} is damaged; delete it and a new one is made`);
  return text;
}
