import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Environment, readVariable } from '@waggle/shared/process/variables.ts';

/** The clone this program runs from. */
export const root = path.resolve(import.meta.dirname, '../..');

/** Runs a program on the right Node, with its dependencies: `node LAUNCHER FILE [arguments]`. */
export const launcher = path.join(root, 'scripts/run.mjs');

/** The two programs, by the commands that start them; paths below `root`. */
export const programs = { up: 'orchestrator/src/main.ts', join: 'node-agent/src/main.ts' } as const;

/** The folders in which this user's programs are, without those of the clone: they are not this user's, and may change. */
export function findPath(environment: Environment): readonly string[] {
  const folders = (readVariable(environment, 'PATH') ?? '').split(path.delimiter);
  return folders.filter(
    (folder) => path.isAbsolute(folder) && !`${folder}${path.sep}`.startsWith(`${root}${path.sep}`),
  );
}

/** The Node that the launcher is started with: the user's own, which stays where it is; else the one that runs this. */
export function findNode(environment: Environment): string {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const found = findPath(environment).map((folder) => path.join(folder, name));
  return found.find((file) => existsSync(file)) ?? process.execPath;
}
