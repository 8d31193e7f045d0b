import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { toCount, toNumber, toObject, toText } from '../../json-facts.ts';

const indexName = 'index.json';
const version = 1;
const largestBytes = 16 * 1024 * 1024;

/** What the folder itself does not tell: names, where files came from, and hashes that took long to compute. */
export interface ModelIndex {
  readonly names: readonly IndexedName[];
  readonly digests: readonly IndexedDigest[];
}

export interface IndexedName {
  readonly name: string;
  /** Path of the (first) file within the folder, with `/`. */
  readonly file: string;
  /** RFC 3339. */
  readonly modifiedAt: string;
  readonly source?: string;
}

/** Holds as long as the file's size and time of change are these. */
export interface IndexedDigest {
  readonly file: string;
  readonly sizeBytes: number;
  readonly changedMs: number;
  readonly digest: string;
}

export type ReadIndex =
  | { readonly kind: 'read'; readonly index: ModelIndex }
  /** There was none that can be used; `problem` says what became of it where there was one. */
  | { readonly kind: 'anew'; readonly problem?: string };

/**
 * The index of a models folder. One that is damaged is put aside (`index.json.damaged`): the files are found without it, under
 * names made of theirs.
 */
export async function readModelIndex(folder: string): Promise<ReadIndex> {
  const file = path.join(folder, indexName);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return { kind: 'anew' };
    return { kind: 'anew', problem: `the index ${file} cannot be read; models have the names of their files` };
  }
  const index = parseIndex(text);
  if (index !== undefined) return { kind: 'read', index };
  await rename(file, `${file}.damaged`).catch(() => undefined);
  return {
    kind: 'anew',
    problem: `the index ${file} was damaged and is put aside; models have the names of their files`,
  };
}

/** Replaces the index: afterwards there is the old one or the new one, whatever happens. Rejects with the file system's error. */
export async function writeModelIndex(folder: string, index: ModelIndex): Promise<void> {
  const file = path.join(folder, indexName);
  const unfinished = `${file}.new`;
  try {
    const handle = await open(unfinished, 'w', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify({ version, ...index }, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
  } catch (cause) {
    await rm(unfinished, { force: true });
    throw cause;
  }
}

function parseIndex(text: string): ModelIndex | undefined {
  if (text.length > largestBytes) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { version: written, names, digests } = toObject(parsed);
  // A later version may mean anything by its entries.
  if (written !== version || !Array.isArray(names) || !Array.isArray(digests)) return undefined;
  return { names: names.flatMap(toIndexedName), digests: digests.flatMap(toIndexedDigest) };
}

function toIndexedName(entry: unknown): IndexedName[] {
  const facts = toObject(entry);
  const name = toText(facts['name']);
  const file = toText(facts['file']);
  const modifiedAt = toText(facts['modifiedAt']);
  const source = toText(facts['source']);
  if (name === undefined || file === undefined || modifiedAt === undefined || !isInside(file)) return [];
  return [{ name, file, modifiedAt, ...(source !== undefined && { source }) }];
}

function toIndexedDigest(entry: unknown): IndexedDigest[] {
  const facts = toObject(entry);
  const file = toText(facts['file']);
  const sizeBytes = toCount(facts['sizeBytes']);
  const changedMs = toNumber(facts['changedMs']);
  const digest = toText(facts['digest']);
  if (file === undefined || sizeBytes === undefined || changedMs === undefined) return [];
  return digest !== undefined && /^[0-9a-f]{64}$/.test(digest) ? [{ file, sizeBytes, changedMs, digest }] : [];
}

/** Files are deleted by what the index says: it never leads out of its folder. */
function isInside(file: string): boolean {
  return !path.posix.isAbsolute(file) && !path.win32.isAbsolute(file) && !file.split(/[\\/]/).includes('..');
}
