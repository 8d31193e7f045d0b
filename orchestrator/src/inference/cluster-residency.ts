import type { Capability } from '@waggle/shared/cluster/model.ts';
import type { RequestFacts } from '@waggle/shared/dialects/requests/request-facts.ts';
import { type ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import type { ModelResidency } from '../operations/model-residency.ts';
import { refusedNeed } from '../scheduling/engine-refusals.ts';
import type { ChoosableJob } from '../scheduling/placement.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import { toMissingCapability } from './missing-capability.ts';
import { type Aliases, type ResolvedModel, resolveModel } from './resolve-model.ts';

/** What Ollama looks at before it loads a model for a request that generates nothing. */
const neededToLoad: ReadonlySet<Capability> = new Set(['completion', 'tools', 'insert', 'thinking']);
const noBody = new Uint8Array(0);

/** Loads a model where it fits best, and takes it out of memory everywhere. */
export class ClusterResidency implements ModelResidency {
  readonly #registry: NodeRegistry;
  readonly #scheduler: Scheduler;
  readonly #aliases: () => Aliases;
  readonly #logger: Logger;

  constructor(deps: {
    readonly registry: NodeRegistry;
    readonly scheduler: Scheduler;
    readonly aliases: () => Aliases;
    readonly logger: Logger;
  }) {
    this.#registry = deps.registry;
    this.#scheduler = deps.scheduler;
    this.#aliases = deps.aliases;
    this.#logger = deps.logger;
  }

  async load(facts: RequestFacts, signal: AbortSignal): Promise<string> {
    const resolved = resolveModel(facts.model, this.#registry, this.#aliases());
    const needs = facts.needs.filter((need) => neededToLoad.has(need));
    this.#refuseIncapable(facts, { ...resolved, needs });
    // A client that leaves does not stop the load: somebody else may wait for the same one.
    const { numCtx, startOptions, keepAliveSeconds } = facts;
    const node = await this.#scheduler.makeResident({ ...resolved, numCtx, startOptions, keepAliveSeconds, needs });
    signal.throwIfAborted();
    return node;
  }

  async unload(model: string): Promise<readonly string[]> {
    const { targets, onlyNode } = resolveModel(model, this.#registry, this.#aliases());
    const places = targets.flatMap((target) => this.#registry.places(target));
    return this.release(places.filter((served) => onlyNode === undefined || served.engine.node.name === onlyNode));
  }

  /** Throws what an engine would say if each of them would refuse even to load the model for such a request. */
  #refuseIncapable(facts: RequestFacts, job: ResolvedModel & Pick<ChoosableJob, 'needs'>): void {
    const places = job.targets
      .flatMap((target) => this.#registry.places(target))
      .filter((served) => job.onlyNode === undefined || served.engine.node.name === job.onlyNode);
    let refusal: ClusterError | undefined;
    for (const served of places) {
      const placement = this.#scheduler.placement(served);
      if (!placement.isAmongNodes) continue;
      const need = refusedNeed(placement, job);
      if (need === undefined) return;
      refusal ??= toMissingCapability(need, { ...facts, body: noBody }, served.engine.report.kind);
    }
    if (refusal !== undefined) throw refusal;
  }

  /**
   * Tells every engine that has one of them, and resolves to the names of their nodes; one that fails is logged, the others are told
   * all the same.
   */
  async release(places: readonly ServedModel[]): Promise<readonly string[]> {
    const told: string[] = [];
    const telling = places.map(async (served) => {
      const placement = this.#scheduler.placement(served);
      placement.sendAway();
      served.toldUntil = 0;
      try {
        await served.engine.node.link?.unload({ engineId: served.engine.engineId, model: served.name, pins: {} });
        told.push(placement.node);
      } catch (thrown) {
        this.#logger.warn('model-unload-failed', {
          node: placement.node,
          model: served.name,
          error: toClusterError(thrown).message,
        });
      }
    });
    await Promise.all(telling);
    return told;
  }
}
