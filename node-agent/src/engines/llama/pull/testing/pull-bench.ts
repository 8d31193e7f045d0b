import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { expect } from 'vitest';
import { buildScriptedGguf } from '../../hello/scripted-gguf.ts';
import { ModelStore } from '../../models/model-store.ts';
import type { PullProgress } from '../model-pulls.ts';
import type { PullLimits, PullSettings } from '../pull-settings.ts';
import { FileSource } from './file-source.ts';

/** Impatient, and with ranges so small that a model of a megabyte takes several. */
export const limits: Partial<PullLimits> = {
  rangeBytes: 300_000,
  retryMs: 1,
  retryMaxMs: 5,
  attempts: 4,
  progressMs: 0,
  reserveBytes: 0,
  saveMs: 5,
};

/** A model of about 1.2 MB, other bytes for every text. */
export function makeModel(text = 'Hello there.'): Uint8Array {
  return buildScriptedGguf({ name: text, scripts: { '<|a|>': text }, feedForward: 1_200 });
}

/** A source and a folder for the stores that pull from it. */
export class PullBench implements AsyncDisposable {
  readonly source: FileSource;
  readonly folder: string;
  readonly #stores: ModelStore[] = [];

  private constructor(source: FileSource, folder: string) {
    this.source = source;
    this.folder = folder;
  }

  static async start(): Promise<PullBench> {
    return new PullBench(await FileSource.start(), await mkdtemp(path.join(tmpdir(), 'waggle-pull-')));
  }

  async openStore(more: Partial<PullSettings> & { token?: string } = {}): Promise<ModelStore> {
    const { token, ...settings } = more;
    const hub = { endpoint: this.source.url, token };
    const pulls = { hub, ...settings, limits: { ...limits, ...settings.limits } };
    const store = new ModelStore({ folder: path.join(this.folder, 'models'), pulls });
    this.#stores.push(store);
    await store.rescan();
    return store;
  }

  /** Models that did not come whole. */
  async partsLeft(): Promise<string[]> {
    const pulls = path.join(this.folder, 'models', '.pulls');
    const all = await readdir(pulls, { recursive: true }).catch(() => []);
    return all.filter((name) => name.endsWith('.gguf'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) await store.close();
    await this.source[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }
}

export async function pull(
  store: ModelStore,
  name: string,
  signal = new AbortController().signal,
): Promise<PullProgress[]> {
  const lines: PullProgress[] = [];
  for await (const line of store.pull({ name }, signal)) lines.push(line);
  return lines;
}

/** Aborts when so many bytes are there; the pull must reject with the signal's reason. */
export async function cancelAfter(store: ModelStore, name: string, bytes: number): Promise<void> {
  const stop = new AbortController();
  const reason = new Error('not now');
  const consume = async () => {
    for await (const { completed = 0 } of store.pull({ name }, stop.signal)) if (completed >= bytes) stop.abort(reason);
  };
  await expect(consume()).rejects.toBe(reason);
}

/** What a promise rejects with; it must be a ClusterError. */
export async function failure(promise: Promise<unknown>): Promise<ClusterError> {
  const cause = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(cause).toBeInstanceOf(ClusterError);
  return cause as ClusterError;
}

export async function contentOf(store: ModelStore, name: string): Promise<Buffer> {
  const model = store.find(name);
  if (model === undefined) throw new Error(`there is no ${name}`);
  return readFile(model.path);
}

/** Models that were pulled; hello is none. */
export function names(store: ModelStore): string[] {
  return store.list().flatMap(({ name, scripted }) => (scripted ? [] : [name]));
}
