import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { splitOf } from './model-name.ts';

/** A model's file, or all the files of a split one. */
export interface FoundFile {
  /** Path of the (first) file within the folder, with `/`. */
  readonly file: string;
  /** All files, in order, first one included. */
  readonly parts: readonly string[];
  readonly sizeBytes: number;
  /** Latest change of any part, ms since 1970. */
  readonly changedMs: number;
}

const deepest = 3;
const mostEntries = 20_000;

/**
 * The GGUF files of a folder, in its subfolders too; hidden ones are left out, and so are split models of which a part is
 * missing. Links are followed. Rejects with the file system's error when the folder itself cannot be read.
 */
export async function findModelFiles(folder: string): Promise<FoundFile[]> {
  const paths: string[] = [];
  await collect(folder, '', deepest, paths);
  const files = new Map<string, { size: number; changedMs: number }>();
  for (const file of paths) {
    // Links that lead nowhere, and files that went meanwhile.
    const facts = await stat(path.join(folder, file)).catch(() => undefined);
    if (facts?.isFile() === true) files.set(file, { size: facts.size, changedMs: facts.mtimeMs });
  }
  const found: FoundFile[] = [];
  for (const file of [...files.keys()].sort()) {
    const parts = partsOf(file);
    const facts = parts.map((part) => files.get(part));
    if (parts[0] !== file || facts.includes(undefined)) continue;
    found.push({
      file,
      parts,
      sizeBytes: facts.reduce((sum, part) => sum + (part?.size ?? 0), 0),
      changedMs: Math.max(...facts.map((part) => part?.changedMs ?? 0)),
    });
  }
  return found;
}

/** The files of the model that a file belongs to, itself included. */
export function partsOf(file: string): string[] {
  const { dir, base } = path.posix.parse(file);
  const split = splitOf(base);
  if (split === undefined) return [file];
  return Array.from({ length: split.count }, (_, index) => path.posix.join(dir, split.nameOf(index + 1)));
}

async function collect(folder: string, inside: string, depth: number, paths: string[]): Promise<void> {
  for (const entry of await readdir(path.join(folder, inside), { withFileTypes: true })) {
    if (entry.name.startsWith('.') || paths.length >= mostEntries) continue;
    const file = path.posix.join(inside, entry.name);
    if (entry.isDirectory()) {
      if (depth > 1) await collect(folder, file, depth - 1, paths).catch(() => undefined);
    } else if (/\.gguf$/i.test(entry.name)) paths.push(file);
  }
}
