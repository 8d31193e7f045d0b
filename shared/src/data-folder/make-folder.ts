import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Makes a folder and those above it, for this user alone; one that is there is left as it is.
 *
 * @throws the file system's error when there is none afterwards
 */
// Not `recursive: true`, which never returns where folders vanish as they are made, as in /proc.
export function makeFolder(folder: string): void {
  if (isFolder(folder)) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (cause) {
    // Another start may have been quicker.
    if (!isFolder(folder)) throw cause;
  }
}

function isFolder(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
}
