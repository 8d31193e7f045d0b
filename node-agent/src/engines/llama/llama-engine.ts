import { pathToFileURL } from 'node:url';
import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { JobOutput, ModelCommand } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { Engine, EngineSurvey } from '../engine.ts';
import type { OllamaSettings } from '../ollama/survey.ts';
import { FactsCache } from './facts-cache.ts';
import { LlamaRun } from './llama-run.ts';
import { toModelReport } from './model-list.ts';
import type { ModelStore, StoredModel } from './models/model-store.ts';
import { runLlamaOperation } from './operations.ts';
import { FileInspector } from './process/file-inspector.ts';
import { type ResidencySettings, Residents } from './residents.ts';
import { toModelWork } from './to-model-work.ts';

export interface LlamaEngineOptions {
  /** Closed with the engine. */
  readonly store: ModelStore;
  readonly settings: OllamaSettings;
  /** Whether another engine of the node has a model: then the scripted one is not offered. */
  readonly hasOtherModels: () => boolean;
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
  /** Memory that can be had now; the machine's unless given. */
  readonly availableBytes?: () => number;
}

export interface LlamaEngine extends Engine {
  /** Its store has other models than before. */
  changed(): void;
}

export const builtinEngineId = 'builtin';
const defaultNumCtx = 4_096;
const defaultLoadedModels = 3;
/** Sequences of a model where memory is plenty. */
const defaultSlots = 4;
/** The first report does not wait longer for what the files say. */
const factsWaitMs = 300;

/** llama.cpp, run by the agent itself: every loaded model is a process of its own. */
export function createLlamaEngine(options: LlamaEngineOptions): LlamaEngine {
  const { store, settings, hasOtherModels, clock, logger, availableBytes = () => process.availableMemory() } = options;
  const inspector = new FileInspector(clock);
  const facts = new FactsCache(inspector);
  const residency: ResidencySettings = {
    slots: settings.numParallel,
    mostSlots: Math.min(settings.slots ?? defaultSlots, defaultSlots),
    maxLoadedModels: settings.maxLoadedModels ?? defaultLoadedModels,
    defaultNumCtx: settings.contextLength ?? defaultNumCtx,
  };
  const residents = new Residents({
    settings: residency,
    factsOf: (model) => facts.get(model),
    availableBytes,
    clock,
    logger,
    changed: () => changed(),
  });
  let signOfLife = Number.NEGATIVE_INFINITY;
  let watcher = () => {};
  const changed = () => watcher();

  function find(name: string): StoredModel {
    const model = store.find(name);
    if (model !== undefined) return model;
    throw new ClusterError('model-not-found', `model '${name}' not found`, { details: { engineStatus: 404 } });
  }

  async function survey(signal: AbortSignal): Promise<EngineSurvey> {
    await store.rescan();
    const models = offered(store.list(), hasOtherModels());
    await facts.prepare(models, AbortSignal.any([signal, AbortSignal.timeout(factsWaitMs)]), changed);
    const problem =
      inspector.unfit === undefined ? store.problem : `the built-in engine cannot run: ${inspector.unfit}`;
    const listed = inspector.unfit === undefined ? models : [];
    const reports = listed
      .filter((model) => facts.problem(model) === undefined)
      .map((model) =>
        toModelReport(model, {
          factsOf: (each) => facts.known(each),
          residentOf: (path) => residents.find(path),
          planOf: (each, known) => residents.plan(each, known, undefined),
        }),
      );
    return {
      kind: 'builtin',
      version: inspector.libraryVersion,
      slots: slotsOf(reports, settings.slots, residency.maxLoadedModels),
      models: reports,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  return {
    identity: {
      engineId: builtinEngineId,
      dialect: 'ollama',
      url: `builtin://localhost${pathToFileURL(store.folder).pathname}`,
    },
    probe: {
      // The files are there, and so is the engine; what is wrong with it is told by its survey.
      ping: async () => {},
      survey,
    },
    models: {
      async load({ model, pins }: ModelCommand, signal: AbortSignal) {
        const lease = await residents.use(find(model), pins, signal);
        lease.giveBack();
      },
      async unload({ model }) {
        const stored = store.find(model);
        if (stored !== undefined) await residents.unload(stored.path);
      },
      operate: (request, _content, signal) =>
        runLlamaOperation(
          request,
          {
            store,
            factsOf: (model) => facts.get(model),
            describe: (path) => inspector.describe(path),
            unload: (path) => residents.unload(path),
          },
          signal,
        ),
    },
    run(job, body, output) {
      const told: JobOutput = {
        declined: (reason) => output.declined(reason),
        batch: (batch) => {
          signOfLife = clock.now();
          return output.batch(batch);
        },
        ended: (end) => output.ended(end),
      };
      const run = new LlamaRun(told, job.attempt);
      return run.start(() => {
        const model = find(job.model);
        return { work: toModelWork(job, body), use: (signal) => residents.use(model, job.pins, signal) };
      });
    },
    // Nothing is asked over a network, so nothing can lead back to the cluster.
    nameCluster() {},
    lastSignOfLife: () => signOfLife,
    watch: (told) => {
      watcher = told;
    },
    changed,
    async close() {
      watcher = () => {};
      await Promise.all([residents.close(), inspector.close(), store.close()]);
    },
  };
}

/** A stand-in goes as soon as another engine here has what it stands in for; beside models of its own the store has none. */
function offered(models: readonly StoredModel[], hasOtherModels: boolean): readonly StoredModel[] {
  return hasOtherModels ? models.filter(({ scripted }) => scripted !== true) : models;
}

function slotsOf(models: readonly ModelReport[], slots: number | undefined, held: number): number {
  const most = models.map(({ parallel }) => parallel).toSorted((a, b) => b - a);
  const sum = most.slice(0, held).reduce((total, parallel) => total + parallel, 0);
  return Math.min(slots ?? Number.POSITIVE_INFINITY, sum);
}
