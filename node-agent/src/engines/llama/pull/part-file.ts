import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { toCount, toNumber, toObject, toText } from '../../json-facts.ts';

/** What a file is at its source; bytes that came belong together as long as this is the same. */
export interface SourceIdentity {
  /** Without its query, which may be a key of the moment. */
  readonly url: string;
  readonly sizeBytes: number;
  /** ETag or date of change; empty where the source tells neither. */
  readonly validator: string;
}

/** Bytes from `from` up to, but without, `to`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * A file that is being fetched, and beside it, in `….json`, which of its bytes are there, so that the next pull goes on where
 * this one ended. It lies in a folder of its pull's own until it is complete.
 */
export class PartFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #identity: SourceIdentity;
  #done: ByteRange[];
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle, identity: SourceIdentity, done: ByteRange[]) {
    this.path = path;
    this.#handle = handle;
    this.#identity = identity;
    this.#done = done;
  }

  /** With what came before, where that is of the same file. Rejects with the file system's error. */
  static async open(path: string, identity: SourceIdentity): Promise<PartFile> {
    const kept = await readKept(path, identity);
    const handle = await open(path, kept === undefined ? 'w' : 'r+', 0o600);
    return new PartFile(path, handle, identity, kept ?? []);
  }

  /** Removes what is there of a file. */
  static async discard(path: string): Promise<void> {
    for (const file of [statePath(path), `${statePath(path)}.new`, path]) await rm(file, { force: true });
  }

  get doneBytes(): number {
    return this.#done.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** What is still to come, in pieces of at most `pieceBytes`. */
  missing(pieceBytes: number): ByteRange[] {
    const pieces: ByteRange[] = [];
    let position = 0;
    for (const { from, to } of [...this.#done, { from: this.#identity.sizeBytes, to: this.#identity.sizeBytes }]) {
      for (; position < from; position = Math.min(from, position + pieceBytes)) {
        pieces.push({ from: position, to: Math.min(from, position + pieceBytes) });
      }
      position = Math.max(position, to);
    }
    return pieces;
  }

  /** Rejects with the file system's error. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written, position + written);
      written += bytesWritten;
    }
    this.#done = withRange(this.#done, { from: position, to: position + bytes.length });
  }

  /** Nothing of it counts as done any more. */
  async restart(): Promise<void> {
    this.#done = [];
    await this.#handle.truncate(0);
  }

  /** Writes down what has come. Bytes reach the disk before the note that they are there. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const { url, sizeBytes, validator } = this.#identity;
      const done = this.#done.map(({ from, to }) => [from, to]);
      await this.#handle.datasync();
      const handle = await open(`${statePath(this.path)}.new`, 'w', 0o600);
      try {
        await handle.writeFile(JSON.stringify({ version: 1, url, sizeBytes, validator, done }));
      } finally {
        await handle.close();
      }
      await rename(`${statePath(this.path)}.new`, statePath(this.path));
    });
    return this.#saving;
  }

  async close(): Promise<void> {
    await this.#saving.catch(() => undefined);
    await this.#handle.close();
  }
}

function statePath(path: string): string {
  return `${path}.json`;
}

async function readKept(path: string, identity: SourceIdentity): Promise<ByteRange[] | undefined> {
  // Without a validator nothing says that the source still has the same bytes.
  if (identity.validator === '') return undefined;
  let state: unknown;
  try {
    state = JSON.parse(await readFile(statePath(path), 'utf8'));
    await (await open(path, 'r')).close();
  } catch {
    return undefined;
  }
  const { version, url, sizeBytes, validator, done } = toObject(state);
  const isSame =
    version === 1 &&
    toText(url) === identity.url &&
    toCount(sizeBytes) === identity.sizeBytes &&
    toText(validator) === identity.validator;
  if (!isSame || !Array.isArray(done)) return undefined;
  let ranges: ByteRange[] = [];
  for (const entry of done) {
    const [from, to] = Array.isArray(entry) ? entry.map(toNumber) : [];
    if (from === undefined || to === undefined || from < 0 || from >= to || to > identity.sizeBytes) return undefined;
    ranges = withRange(ranges, { from, to });
  }
  return ranges;
}

/** Sorted ranges with one more, touching ones joined. */
function withRange(ranges: readonly ByteRange[], added: ByteRange): ByteRange[] {
  const apart = ranges.filter(({ from, to }) => to < added.from || from > added.to);
  const joined = ranges.filter((range) => !apart.includes(range));
  const from = Math.min(added.from, ...joined.map((range) => range.from));
  const to = Math.max(added.to, ...joined.map((range) => range.to));
  return [...apart, { from, to }].sort((a, b) => a.from - b.from);
}
