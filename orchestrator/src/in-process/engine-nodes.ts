import { isDeepStrictEqual } from 'node:util';
import type { LocalNode } from '@waggle/node-agent/create-node.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { EngineNodeConfig } from '../config/compiled-config.ts';
import type { AttachedNode } from './attach-node.ts';

export interface EngineNodesDeps {
  readonly create: (config: EngineNodeConfig) => Promise<LocalNode>;
  /** Puts a node into the cluster; throws where it is not taken. */
  readonly attach: (host: NodeHost) => Pick<AttachedNode, 'drain'>;
  readonly logger: Logger;
}

interface Present {
  readonly config: EngineNodeConfig;
  readonly node: LocalNode;
  readonly attached: Pick<AttachedNode, 'drain'>;
}

/**
 * The engines that the configuration names by address, each a node of this process, by name. One that is changed is there anew before
 * the old one gets nothing more; what runs on one that goes is finished.
 */
export class EngineNodes {
  readonly #deps: EngineNodesDeps;
  #wanted: ReadonlyMap<string, EngineNodeConfig> = new Map();
  readonly #present = new Map<string, Present>();
  readonly #leaving = new Set<LocalNode>();
  readonly #underWay = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(deps: EngineNodesDeps) {
    this.#deps = deps;
  }

  get nodes(): readonly LocalNode[] {
    return [...this.#present.values()].map(({ node }) => node);
  }

  /** Makes them those of the list. Each on its own: an engine that does not answer holds up no other. Rejects with what the first was not taken for. */
  async become(engines: readonly EngineNodeConfig[]): Promise<void> {
    this.#wanted = new Map(engines.map((config) => [config.name, config]));
    const names = new Set([...this.#wanted.keys(), ...this.#present.keys()]);
    const done = await Promise.allSettled([...names].map((name) => this.#settle(name)));
    for (const each of done) if (each.status === 'rejected') throw each.reason;
  }

  /** The same for a program that runs: one that is not taken is logged. */
  follow(engines: readonly EngineNodeConfig[]): void {
    this.become(engines).catch((thrown: unknown) => {
      this.#deps.logger.error('node-not-taken', { error: thrown instanceof Error ? thrown.message : String(thrown) });
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#underWay.values());
    await Promise.all([...this.nodes, ...this.#leaving].map((node) => node.close()));
  }

  #settle(name: string): Promise<void> {
    const underWay = this.#underWay.get(name);
    if (underWay !== undefined) return underWay;
    const settling = this.#toWanted(name).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, settling);
    return settling;
  }

  async #toWanted(name: string): Promise<void> {
    for (;;) {
      const wanted = this.#wanted.get(name);
      const present = this.#present.get(name);
      if (this.#isClosed || isDeepStrictEqual(wanted, present?.config)) return;
      if (wanted === undefined) {
        this.#leave(name);
        continue;
      }
      const node = await this.#deps.create(wanted);
      // The wish may be another one by now.
      if (this.#isClosed || !isDeepStrictEqual(wanted, this.#wanted.get(name))) {
        await node.close();
        continue;
      }
      this.#leave(name);
      try {
        this.#present.set(name, { config: wanted, node, attached: this.#deps.attach(node) });
      } catch (thrown) {
        await node.close();
        throw thrown;
      }
    }
  }

  #leave(name: string): void {
    const present = this.#present.get(name);
    if (present === undefined) return;
    const { node, attached } = present;
    this.#present.delete(name);
    this.#leaving.add(node);
    void attached
      .drain()
      .then(() => node.close())
      .finally(() => this.#leaving.delete(node));
  }
}
