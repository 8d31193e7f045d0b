import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import { makeFolder } from '@waggle/shared/data-folder/make-folder.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { writeHello } from '../hello/hello-file.ts';
import { ModelPulls, type PulledModel, type PullProgress, type PullSettings } from '../pull/model-pulls.ts';
import { FileChecks } from './file-checks.ts';
import { type FoundFile, findModelFiles } from './found-files.ts';
import type { GgufHeader } from './gguf-header.ts';
import { type KnownFile, KnownFiles } from './known-files.ts';
import { type IndexedName, readModelIndex, writeModelIndex } from './model-index.ts';
import { canonicalName, nameKey, nameOfFile } from './model-name.ts';

/** A name and the file it stands for. */
export interface StoredModel {
  /** With its tag: `qwen3:0.6b`, `hf.co/user/repo:Q4_K_M`; made of the file's where it was put there by hand. */
  readonly name: string;
  /** Hex SHA-256 of the GGUF (of the hashes of its parts, one per line, where it is split); empty until it is known. */
  readonly digest: string;
  /** The GGUF, or the first part of a split one. */
  readonly path: string;
  readonly sizeBytes: number;
  /** When the name was given, RFC 3339. */
  readonly modifiedAt: string;
  /** What the file says about itself. */
  readonly header: GgufHeader;
  /** Where it was pulled from. */
  readonly source?: string;
  /** It says fixed texts: a stand-in for models, not to be chosen for anything by itself. */
  readonly scripted?: true;
}

export interface ModelStoreOptions {
  /** Made where it is missing. */
  readonly folder: string;
  readonly pulls: PullSettings;
  /** Another list than before. */
  readonly onChange?: () => void;
}

const helloFile = '.hello.gguf';

/**
 * The models of a folder: its only writer. Files that a pull brought are in folders named by their hash, so that two names of
 * one content share a file; files put there by hand stay where they are. The folder's index holds the names.
 */
export class ModelStore implements AsyncDisposable {
  readonly folder: string;
  readonly #onChange: () => void;
  readonly #checks = new FileChecks();
  readonly #pulls: ModelPulls;
  readonly #stop = new AbortController();
  readonly #names = new Map<string, IndexedName>();
  readonly #files: KnownFiles;
  #isIndexRead = false;
  #hello: StoredModel | undefined;
  /** Of the last scan. */
  #problem: string | undefined;
  #indexProblem: string | undefined;
  /** The last of the changes that wait for one another. */
  #last: Promise<unknown> = Promise.resolve();
  #nextScan: Promise<void> | undefined;
  #hashing: Promise<void> | undefined;

  /** Empty until the first `rescan`. */
  constructor(options: ModelStoreOptions) {
    this.folder = options.folder;
    this.#onChange = options.onChange ?? (() => {});
    this.#files = new KnownFiles(options.folder, this.#checks);
    this.#pulls = new ModelPulls({
      folder: path.join(options.folder, '.pulls'),
      settings: options.pulls,
      checks: this.#checks,
      knows: (digest) => this.#files.ofDigest(digest) !== undefined,
    });
  }

  /** A sentence about the folder that its owner should read. */
  get problem(): string | undefined {
    return this.#problem ?? this.#indexProblem;
  }

  /** Newest first. Where there is no model at all, the scripted `hello`. */
  list(): readonly StoredModel[] {
    const models = [...this.#names.values()].flatMap((name) => {
      const file = this.#files.get(name.file);
      return file === undefined ? [] : [this.#toModel(name, file)];
    });
    models.sort((a, b) => b.modifiedAt.localeCompare(a.modifiedAt) || a.name.localeCompare(b.name));
    return models.length === 0 && this.#hello !== undefined ? [this.#hello] : models;
  }

  /** Case does not count, and a missing tag is `latest`. */
  find(name: string): StoredModel | undefined {
    const key = nameKey(name);
    return this.list().find((model) => nameKey(model.name) === key);
  }

  /** Takes up files that were put into the folder or taken away. Cheap where nothing changed; never rejects: see `problem`. */
  rescan(): Promise<void> {
    this.#nextScan ??= this.#inTurn(() => {
      this.#nextScan = undefined;
      return this.#scan();
    });
    return this.#nextScan;
  }

  /** Gives a second name to a model. False where there is none of the name `from`. Rejects with a ClusterError. */
  copy(from: string, to: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const model = this.#names.get(nameKey(from));
      if (model === undefined || this.#files.get(model.file) === undefined) return false;
      await this.#setName({ ...model, name: canonicalName(to), modifiedAt: new Date().toISOString() });
      return true;
    });
  }

  /** Takes a name away, and the file with the last name. False where there is none. Rejects with a ClusterError. */
  delete(name: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const key = nameKey(name);
      const entry = this.#names.get(key);
      if (entry === undefined) return false;
      this.#names.delete(key);
      await this.#dropUnnamed(entry.file);
      await this.#offerHello();
      await this.#changed();
      return true;
    });
  }

  /** Gets a model; the lines are Ollama's. Aborting keeps what has come. @throws ClusterError */
  async *pull(request: { readonly name: string }, signal: AbortSignal): AsyncGenerator<PullProgress, void, undefined> {
    const { pulled, name } = yield* this.#pulls.pull(request.name, signal);
    if (nameKey(request.name) !== nameKey(name)) yield { status: `naming it ${name}` };
    yield { status: 'writing manifest' };
    await this.#inTurn(() => this.#adopt(name, pulled));
    yield { status: 'success' };
  }

  /** Ends what runs; pulls keep what has come. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#pulls.close();
    await this.#checks.close();
    await this.#hashing;
    await this.#last;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #toModel({ name, modifiedAt, source }: IndexedName, file: KnownFile): StoredModel {
    return {
      name,
      digest: file.digest,
      path: path.join(this.folder, file.file),
      sizeBytes: file.sizeBytes,
      modifiedAt,
      header: file.header,
      ...(source !== undefined && { source }),
    };
  }

  /** One change at a time. */
  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(change);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #scan(): Promise<void> {
    try {
      this.#problem = undefined;
      makeFolder(this.folder);
      await this.#readIndex();
      const before = this.#fingerprint();
      const found = await findModelFiles(this.folder);
      await this.#files.takeUp(found);
      this.#nameFiles(found);
      await this.#offerHello();
      if (this.#fingerprint() !== before) await this.#changed();
      this.#hashing ??= this.#hashUnknown().finally(() => {
        this.#hashing = undefined;
      });
    } catch (cause) {
      this.#problem = toStoreError(this.folder, cause).message;
    }
  }

  #fingerprint(): string {
    const files = [...this.#files.all()].map(({ file, sizeBytes, changedMs }) => [file, sizeBytes, changedMs]);
    return JSON.stringify([[...this.#names.values()], files, this.#hello?.digest]);
  }

  async #readIndex(): Promise<void> {
    if (this.#isIndexRead) return;
    const read = await readModelIndex(this.folder);
    if (read.kind === 'anew') this.#indexProblem = read.problem;
    else {
      this.#files.keepDigests(read.index.digests);
      for (const name of read.index.names) this.#names.set(nameKey(name.name), name);
    }
    this.#isIndexRead = true;
  }

  /** Names of files that are gone go; files without a name get one. */
  #nameFiles(found: readonly FoundFile[]): void {
    const there = new Set(found.map(({ file }) => file));
    for (const [key, { file }] of this.#names) if (!there.has(file)) this.#names.delete(key);
    const named = new Set([...this.#names.values()].map(({ file }) => file));
    for (const { file, changedMs } of this.#files.all()) {
      if (named.has(file)) continue;
      const name = this.#freeName(nameOfFile(path.posix.basename(file)));
      this.#names.set(nameKey(name), { name, file, modifiedAt: new Date(changedMs).toISOString() });
    }
  }

  #freeName(wanted: string): string {
    for (let number = 1; ; number++) {
      const name = number === 1 ? wanted : wanted.replace(/:latest$/, `-${number}:latest`);
      if (!this.#names.has(nameKey(name))) return name;
    }
  }

  /** Hashes of files that were put there by hand, one after the other, in the thread of the checks. */
  async #hashUnknown(): Promise<void> {
    try {
      for (;;) {
        const file = [...this.#files.all()].find(({ digest }) => digest === '');
        if (file === undefined || this.#stop.signal.aborted) return;
        const digest = await this.#files.hash(file, this.#stop.signal);
        await this.#inTurn(async () => {
          // Changed or gone meanwhile: the next scan sees to it.
          if (this.#files.get(file.file) !== file) return;
          if (digest === undefined) this.#files.remove(file.file);
          else this.#files.set({ ...file, digest });
          await this.#changed();
        });
      }
    } catch (cause) {
      if (!this.#stop.signal.aborted) this.#problem = toStoreError(this.folder, cause).message;
    }
  }

  async #offerHello(): Promise<void> {
    const file = path.join(this.folder, helloFile);
    if (this.#files.size === 0) this.#hello ??= await writeHello(file);
    else {
      this.#hello = undefined;
      await rm(file, { force: true });
    }
  }

  /** Moves what a pull brought to its place, unless its content is here already, and names it. */
  async #adopt(name: string, pulled: PulledModel): Promise<void> {
    const { digest, files, source, header } = pulled;
    let file = this.#files.ofDigest(digest)?.file;
    if (file === undefined) {
      if (header === undefined) throw new ClusterError('internal', `${source} was deleted meanwhile; pull it again`);
      const home = `sha256-${digest}`;
      const parts = files.map((part) => path.posix.join(home, path.basename(part)));
      file = parts[0] ?? '';
      try {
        await mkdir(path.join(this.folder, home), { recursive: true });
        for (const part of files) await rename(part, path.join(this.folder, home, path.basename(part)));
      } catch (cause) {
        throw toStoreError(this.folder, cause);
      }
      this.#files.set({ file, parts, sizeBytes: header.sizeBytes, changedMs: 0, header, digest });
    }
    await this.#setName({ name, file, modifiedAt: new Date().toISOString(), source });
    await this.#pulls.tidy(pulled);
    await this.#offerHello();
  }

  async #setName(name: IndexedName): Promise<void> {
    const key = nameKey(name.name);
    const before = this.#names.get(key);
    this.#names.set(key, name);
    if (before !== undefined && before.file !== name.file) await this.#dropUnnamed(before.file);
    await this.#changed();
  }

  async #dropUnnamed(file: string): Promise<void> {
    if ([...this.#names.values()].some((name) => name.file === file)) return;
    const parts = this.#files.get(file)?.parts ?? [file];
    this.#files.remove(file);
    try {
      // What runs has the file mapped and keeps it until it ends.
      for (const part of parts) await rm(path.join(this.folder, part), { force: true });
    } catch (cause) {
      throw toStoreError(this.folder, cause);
    }
    const home = path.posix.dirname(file);
    if (home.startsWith('sha256-')) await rmdir(path.join(this.folder, home)).catch(() => undefined);
  }

  async #changed(): Promise<void> {
    const digests = this.#files.digests();
    this.#files.keepDigests(digests);
    try {
      await writeModelIndex(this.folder, { names: [...this.#names.values()], digests });
    } catch (cause) {
      throw toStoreError(this.folder, cause);
    } finally {
      this.#onChange();
    }
  }
}

function toStoreError(folder: string, cause: unknown): ClusterError {
  if (cause instanceof ClusterError) return cause;
  return new ClusterError('internal', `the models folder ${folder} cannot be used: ${describeFileError(cause)}`, {
    cause,
  });
}
