import path from 'node:path';
import type { FileChecks } from './file-checks.ts';
import type { FoundFile } from './found-files.ts';
import { type GgufHeader, isLanguageModel } from './gguf-header.ts';
import { combineDigests } from './model-digest.ts';
import type { IndexedDigest } from './model-index.ts';

/** A file that can be loaded, and what is known of it. */
export interface KnownFile extends FoundFile {
  /** Of the first part, with the sums over all parts. */
  readonly header: GgufHeader;
  /** Empty until it is known. */
  readonly digest: string;
}

/** The files of the models folder that are models. Nothing here writes to the disk. */
export class KnownFiles {
  readonly #folder: string;
  readonly #checks: FileChecks;
  readonly #files = new Map<string, KnownFile>();
  /** Files that are no models, as they were when that was found. */
  #refused: FoundFile[] = [];
  #kept: readonly IndexedDigest[] = [];

  constructor(folder: string, checks: FileChecks) {
    this.#folder = folder;
    this.#checks = checks;
  }

  get size(): number {
    return this.#files.size;
  }

  all(): IterableIterator<KnownFile> {
    return this.#files.values();
  }

  get(file: string): KnownFile | undefined {
    return this.#files.get(file);
  }

  ofDigest(digest: string): KnownFile | undefined {
    for (const file of this.#files.values()) if (file.digest === digest) return file;
    return undefined;
  }

  set(file: KnownFile): void {
    this.#files.set(file.file, file);
  }

  remove(file: string): void {
    this.#files.delete(file);
  }

  /** Hashes that were made before; each holds for a file that is as it was then. */
  keepDigests(digests: readonly IndexedDigest[]): void {
    this.#kept = digests;
  }

  /** What `keepDigests` takes at the next start. */
  digests(): IndexedDigest[] {
    return [...this.#files.values()].flatMap(({ file, sizeBytes, changedMs, digest }) =>
      digest === '' ? [] : [{ file, sizeBytes, changedMs, digest }],
    );
  }

  /** Reads the headers of what is new; what cannot be loaded (yet) is left out, and not read again until it changes. */
  async takeUp(found: readonly FoundFile[]): Promise<void> {
    const refused = this.#refused;
    this.#refused = [];
    const files = await Promise.all(
      found.map(async (file): Promise<KnownFile | undefined> => {
        const before = this.#files.get(file.file);
        if (before !== undefined && isSame(before, file)) return before;
        if (refused.some((other) => other.file === file.file && isSame(other, file))) {
          this.#refused.push(file);
          return undefined;
        }
        const header = await this.#readHeaders(file);
        return header && { ...file, header, digest: this.#keptDigest(file) };
      }),
    );
    this.#files.clear();
    for (const file of files) if (file !== undefined) this.set(file);
  }

  /** Undefined when it cannot be read. Rejects with the signal's reason. */
  async hash({ parts }: FoundFile, signal: AbortSignal): Promise<string | undefined> {
    try {
      const digests: string[] = [];
      for (const part of parts) digests.push(await this.#checks.hash(path.join(this.#folder, part), signal));
      return combineDigests(digests);
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** Undefined where not every part is complete, or where it is no model by itself. */
  async #readHeaders(file: FoundFile): Promise<GgufHeader | undefined> {
    const outcomes = await Promise.all(
      file.parts.map((part) => this.#checks.readHeader(path.join(this.#folder, part))),
    );
    const headers = outcomes.flatMap((outcome) => (outcome.kind === 'model' ? [outcome.header] : []));
    const [first] = headers;
    const isWhole = headers.length === file.parts.length && first?.splitCount === file.parts.length;
    if (first === undefined || !isWhole || !isLanguageModel(first)) {
      if (!outcomes.some(({ kind }) => kind === 'unreadable')) this.#refused.push(file);
      return undefined;
    }
    const parameterCount = headers.reduce((sum, header) => sum + header.parameterCount, 0);
    return { ...first, parameterCount, sizeBytes: file.sizeBytes };
  }

  #keptDigest(file: FoundFile): string {
    const kept = this.#kept.find((entry) => entry.file === file.file);
    if (kept !== undefined && isSame(kept, file)) return kept.digest;
    return /^sha256-([0-9a-f]{64})\//.exec(file.file)?.[1] ?? '';
  }
}

type Version = Pick<FoundFile, 'sizeBytes' | 'changedMs'>;

function isSame(a: Version, b: Version): boolean {
  return a.sizeBytes === b.sizeBytes && a.changedMs === b.changedMs;
}
