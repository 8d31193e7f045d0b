import { createHash } from 'node:crypto';
import path from 'node:path';
import { createNode, type Finding, type NodeOptions } from '@waggle/node-agent/create-node.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { CompiledConfig, EngineNodeConfig, NodeConfig } from '../config/compiled-config.ts';
import { toLabels } from '../config/node-labels.ts';
import type { AttachedNode } from './attach-node.ts';
import { EngineNodes } from './engine-nodes.ts';

export interface LocalNodesDeps {
  readonly config: Pick<CompiledConfig, 'local' | 'discovery' | 'nodes'>;
  readonly dataFolder: string;
  readonly clusterId: string;
  /** Puts a node into the cluster; throws where it is not taken. */
  readonly attach: (host: NodeHost) => Pick<AttachedNode, 'drain'>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The nodes of this very process. */
export interface LocalNodes {
  /** What answers on this machine where an engine may be and is none. */
  readonly findings: readonly Finding[];
  /** Takes up what changed among the engines that are named by address. */
  follow(nodes: readonly NodeConfig[]): void;
  close(): Promise<void>;
}

/**
 * This machine's own engines, and those the configuration names by address: the node-agent's code, without gRPC.
 *
 * @throws UsageError when a node's id cannot be kept; ConfigError when two have one name
 */
export async function startLocalNodes(deps: LocalNodesDeps): Promise<LocalNodes> {
  const { config, clusterId, attach, logger } = deps;
  const create = (options: NodeOptions) => createNode({ ...options, mayBeElsewhere: true, clusterId });
  const engines = new EngineNodes({ create: (node) => create(toEngineNode(node, deps)), attach, logger });
  const own = config.local.enabled ? create(toOwnNode(deps)) : undefined;
  const close = async () => {
    await Promise.allSettled([engines.close(), own?.then((node) => node.close())]);
  };
  const made = await Promise.allSettled([own?.then(attach), engines.become(toEngines(config.nodes))]);
  for (const each of made) {
    if (each.status === 'fulfilled') continue;
    await close();
    throw each.reason;
  }
  const ownNode = await own;
  return {
    get findings() {
      return [...(ownNode?.findings ?? []), ...engines.nodes.flatMap((node) => node.findings)];
    },
    follow: (nodes) => engines.follow(toEngines(nodes)),
    close,
  };
}

function toEngines(nodes: readonly NodeConfig[]): readonly EngineNodeConfig[] {
  return nodes.filter((node) => node.kind === 'engine');
}

function toOwnNode({ config, dataFolder, logger, clock }: LocalNodesDeps): NodeOptions {
  const { only, ollamaUrl } = config.discovery;
  return {
    name: config.local.name,
    dataDir: path.join(dataFolder, 'node'),
    engines: only === undefined ? { kind: 'discover', ollamaUrl } : { kind: 'fixed', engines: [only] },
    builtin: config.local.builtin,
    settings: config.local.engines,
    logger,
    clock,
  };
}

function toEngineNode(node: EngineNodeConfig, { dataFolder, logger, clock }: LocalNodesDeps): NodeOptions {
  const { dialect, url, apiKey } = node;
  return {
    name: node.name,
    dataDir: path.join(dataFolder, 'node'),
    nodeId: toNodeId(node),
    engines: { kind: 'fixed', engines: [{ dialect, url, ...(apiKey === undefined ? {} : { apiKey }) }] },
    ...(node.slots === undefined ? {} : { settings: { slots: node.slots } }),
    labels: toLabels(node.labels),
    logger,
    clock,
  };
}

/** The same for the same address, so that what was learned about it stays its own. */
function toNodeId({ url }: EngineNodeConfig): string {
  const hex = createHash('sha256').update(`engine ${url}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
