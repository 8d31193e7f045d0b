import { createHash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '@waggle/shared/data-folder/make-folder.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { FileChecks } from '../models/file-checks.ts';
import { type GgufHeader, isLanguageModel } from '../models/gguf-header.ts';
import { combineDigests } from '../models/model-digest.ts';
import { splitOf } from '../models/model-name.ts';
import { type DownloadOptions, downloadFile, freeBytesOf, requireRoom, toPullError } from './download-file.ts';
import { hashFile } from './hash-file.ts';
import { findHubFiles, hubFileUrl, type RemoteFile } from './hub-listing.ts';
import { bringLocalFiles, findLocalFiles } from './local-files.ts';
import { PartFile } from './part-file.ts';
import { type PullAddress, parsePullAddress } from './pull-address.ts';
import { defaultPullLimits, type PullSettings } from './pull-settings.ts';
import { type PullReport, SharedPull } from './shared-pull.ts';

export type { PullSettings } from './pull-settings.ts';

/** One of Ollama's progress lines; sizes in bytes. */
export interface PullProgress {
  readonly status: string;
  readonly digest?: string;
  readonly total?: number;
  readonly completed?: number;
}

/** A model that was brought, waiting to be moved to its place. */
export interface PulledModel {
  readonly digest: string;
  /** Complete and checked; none where the content was known already. */
  readonly files: readonly string[];
  readonly source: string;
  readonly header: GgufHeader | undefined;
  /** Where the files are, and what remains of the pull. */
  readonly folder: string;
}

export interface ModelPullsOptions {
  /** Where files are while they come. */
  readonly folder: string;
  readonly settings: PullSettings;
  readonly checks: FileChecks;
  /** Whether a content is here already. */
  readonly knows: (digest: string) => boolean;
}

/** Parts that nobody came back for. */
const keptMs = 14 * 24 * 60 * 60 * 1_000;

/** The pulls of a store: those of one address share one download. */
export class ModelPulls {
  readonly #options: ModelPullsOptions;
  readonly #running = new Map<string, SharedPull<PulledModel>>();

  constructor(options: ModelPullsOptions) {
    this.#options = options;
  }

  /**
   * Brings a model, up to the point where it is complete and checked.
   *
   * @throws ClusterError, or rejects with the signal's reason; what has come is kept for the next pull
   */
  async *pull(
    asked: string,
    signal: AbortSignal,
  ): AsyncGenerator<PullProgress, { pulled: PulledModel; name: string }, undefined> {
    const address = parsePullAddress(asked);
    const source = sourceOf(address);
    const before = this.#running.get(source);
    // One that was given up still closes its files.
    if (before?.isOver === true) await before.ended();
    let shared = this.#running.get(source);
    if (shared === undefined || shared.isOver) {
      const started = new SharedPull((report, stop) => this.#bring(address, source, report, stop));
      this.#running.set(source, started);
      void started.ended().then(() => {
        if (this.#running.get(source) === started) this.#running.delete(source);
      });
      shared = started;
    }
    return { pulled: yield* shared.follow(signal), name: address.name };
  }

  /** Removes what a pull leaves when its files have been moved. */
  async tidy({ folder, source }: PulledModel): Promise<void> {
    // The next pull of the same has begun in that folder.
    if (this.#running.has(source)) return;
    await rm(folder, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    const all = [...this.#running.values()];
    for (const shared of all) shared.stop(new ClusterError('draining', 'the node is ending; what has come is kept'));
    await Promise.all(all.map((shared) => shared.ended()));
  }

  async #bring(address: PullAddress, source: string, report: PullReport, signal: AbortSignal): Promise<PulledModel> {
    const { settings, checks, knows } = this.#options;
    const limits = { ...defaultPullLimits, ...settings.limits };
    const folder = path.join(this.#options.folder, createHash('sha256').update(source).digest('hex').slice(0, 16));
    const options = { hub: settings.hub, limits, freeBytes: settings.freeBytes ?? freeBytesOf, signal };
    try {
      report.line({ status: 'pulling manifest' });
      await this.#sweep(folder);
      makeFolder(folder);
      if (address.kind === 'file') {
        const local = await findLocalFiles(address.path, { checks, report, signal });
        const digest = combineDigests(local.map(({ sha256 }) => sha256));
        if (knows(digest)) return { digest, files: [], source, header: undefined, folder };
        const files = await bringLocalFiles(local, folder, { ...options, report });
        return { digest, files, source, header: await readModel(files, address.path, checks), folder };
      }
      const remote = await findRemoteFiles(address, options);
      const stated = remote.map(({ sha256 }) => sha256);
      if (stated.every((sha256) => sha256 !== undefined) && knows(combineDigests(stated))) {
        for (const file of remote) report.line(toLine(file, file.sizeBytes ?? 0, file.sizeBytes ?? 0));
        return { digest: combineDigests(stated), files: [], source, header: undefined, folder };
      }
      const { files, digest } = await this.#download(remote, folder, report, options);
      return { digest, files, source, header: await readModel(files, source, checks), folder };
    } catch (cause) {
      signal.throwIfAborted();
      throw toPullError(cause);
    }
  }

  async #download(
    remote: readonly RemoteFile[],
    folder: string,
    report: PullReport,
    options: Omit<DownloadOptions, 'onProgress'>,
  ): Promise<{ files: string[]; digest: string }> {
    const known = remote.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    await requireRoom(folder, known - (await sizeOf(folder)), options);
    const fetched: { file: RemoteFile; path: string; sizeBytes: number; sha256: string | undefined }[] = [];
    for (const file of remote) {
      const target = path.join(folder, safeName(file.name));
      const onProgress = limited(options.limits.progressMs, (done, total) => report.line(toLine(file, done, total)));
      const { sha256 } = await downloadFile(file, target, { ...options, onProgress });
      const { size } = await stat(target);
      report.line(toLine(file, size, size));
      fetched.push({ file, path: target, sizeBytes: size, sha256 });
    }
    const digests: string[] = [];
    for (const { file, path: target, sizeBytes, sha256: stated } of fetched) {
      const sha256 = await hashFile(target, sizeBytes, {
        checks: this.#options.checks,
        report,
        signal: options.signal,
      });
      if (stated !== undefined && stated !== sha256) {
        // Nothing tells which of its bytes are wrong.
        await PartFile.discard(target);
        throw new ClusterError(
          'engine-failed',
          `${file.name} did not come as its source states: SHA-256 ${sha256.slice(0, 12)}… instead of ${stated.slice(0, 12)}…; it is removed`,
        );
      }
      digests.push(sha256);
    }
    return { files: fetched.map((file) => file.path), digest: combineDigests(digests) };
  }

  /** What pulls that ended long ago left, so that abandoned ones do not fill the disk. */
  async #sweep(current: string): Promise<void> {
    const names = await readdir(this.#options.folder).catch(() => []);
    for (const name of names) {
      const folder = path.join(this.#options.folder, name);
      if (folder === current) continue;
      const facts = await stat(folder).catch(() => undefined);
      if (facts !== undefined && Date.now() - facts.mtimeMs > keptMs)
        await rm(folder, { recursive: true, force: true });
    }
  }
}

/** How a place is written in lists of models, and what pulls that share a download have in common. */
function sourceOf(address: PullAddress): string {
  switch (address.kind) {
    case 'hub':
      return `hf.co/${address.repository}${address.tag === undefined ? '' : `:${address.tag}`}`;
    case 'hub-file':
      return `hf.co/${address.repository}/resolve/${address.revision}/${address.file}`;
    case 'url':
      return address.url;
    case 'file':
      return address.path;
  }
}

async function findRemoteFiles(
  address: Exclude<PullAddress, { kind: 'file' }>,
  options: Omit<DownloadOptions, 'onProgress'>,
): Promise<RemoteFile[]> {
  switch (address.kind) {
    case 'hub':
      return findHubFiles(address.repository, address.tag, options);
    case 'hub-file':
      return allParts(hubFileUrl(options.hub.endpoint, address.repository, address.revision, address.file));
    case 'url':
      return allParts(address.url);
  }
}

/** A split model is named by one of its parts. */
function allParts(url: string): RemoteFile[] {
  const at = new URL(url);
  const { dir, base } = path.posix.parse(at.pathname);
  const split = splitOf(decodeURIComponent(base));
  if (split === undefined) return [{ url, name: decodeURIComponent(base) }];
  return Array.from({ length: split.count }, (_, index) => {
    const name = split.nameOf(index + 1);
    const part = new URL(at);
    part.pathname = path.posix.join(dir, encodeURIComponent(name));
    return { url: part.href, name };
  });
}

/** A name that every file system takes. */
function safeName(name: string): string {
  return name
    .replaceAll(/[^\w.-]+/g, '-')
    .replace(/^\.+/, '')
    .slice(-150);
}

/** Of the first file. @throws ClusterError where they are not a whole language model */
async function readModel(files: readonly string[], source: string, checks: FileChecks): Promise<GgufHeader> {
  const headers: GgufHeader[] = [];
  for (const file of files) {
    const outcome = await checks.readHeader(file);
    if (outcome.kind === 'model') headers.push(outcome.header);
    else {
      await PartFile.discard(file);
      throw new ClusterError('engine-failed', `${source} ${outcome.problem}`);
    }
  }
  const [first] = headers;
  if (first === undefined || !isLanguageModel(first)) {
    throw new ClusterError(
      'unsupported',
      `${source} is no language model but belongs to one (${first?.architecture || 'unknown'})`,
    );
  }
  if (first.splitCount !== files.length) {
    throw new ClusterError(
      'unsupported',
      `${source} is one of ${first.splitCount} parts, which are not named as parts are`,
    );
  }
  const sum = (count: (header: GgufHeader) => number) => headers.reduce((total, header) => total + count(header), 0);
  return {
    ...first,
    parameterCount: sum((header) => header.parameterCount),
    sizeBytes: sum((header) => header.sizeBytes),
  };
}

function toLine({ name, sha256 }: RemoteFile, completed: number, total: number): PullProgress {
  // Clients tell the bars of several files apart by the digest; where there is none the name does as well.
  const digest = sha256 === undefined ? name : `sha256:${sha256}`;
  return { status: `pulling ${sha256?.slice(0, 12) ?? name}`, digest, total, completed };
}

/** At most one call in `ms`. */
function limited(ms: number, tell: (done: number, total: number) => void): (done: number, total: number) => void {
  let next = 0;
  return (done, total) => {
    const now = performance.now();
    if (now < next) return;
    next = now + ms;
    tell(done, total);
  };
}

async function sizeOf(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder))
    sum += (await stat(path.join(folder, name)).catch(() => undefined))?.size ?? 0;
  return sum;
}
