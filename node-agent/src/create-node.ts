import { randomUUID } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import path from 'node:path';
import { type Hardware, type NodeIdentity, type NodeReport, unknownHardware } from '@waggle/shared/cluster/node.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import packageJson from '../package.json' with { type: 'json' };
import { basicHardware, findGpus } from './capacity/hardware.ts';
import { toCandidates } from './discovery/candidates.ts';
import { type EngineAddress, isOnThisMachine, toEngineId } from './discovery/engine-address.ts';
import { EngineDiscovery, type Finding } from './discovery/engine-discovery.ts';
import { identify } from './discovery/identify.ts';
import { type EngineJobState, EngineNode } from './engine-node.ts';
import { createBuiltinEngine, createEngine, type EngineSettings } from './engines/create-engine.ts';
import { builtinEngineId } from './engines/llama/llama-engine.ts';
import type { HubSettings } from './engines/llama/pull/pull-settings.ts';
import { keptId } from './identity/kept-id.ts';
import { findMachineId } from './identity/machine-id.ts';

export type { EngineAddress } from './discovery/engine-address.ts';
export type { Finding } from './discovery/engine-discovery.ts';
export type { EngineSettings } from './engines/create-engine.ts';

/** Which engines a node serves: those named, or whatever is found on this machine. */
export type EngineSource =
  | { readonly kind: 'fixed'; readonly engines: readonly EngineAddress[] }
  | { readonly kind: 'discover'; readonly ollamaUrl?: string; readonly candidates?: readonly EngineAddress[] };

export interface NodeOptions {
  /** The host's name unless given. */
  readonly name?: string;
  /** Made where it is missing; the node's id is kept in it. */
  readonly dataDir: string;
  /** Instead of the kept one, for a node that is known by its configuration. Stable over restarts. */
  readonly nodeId?: string;
  readonly engines: EngineSource;
  /** Beside engines that are looked for, models are run by the node itself, and are pulled from here; absent: it runs none. */
  readonly builtin?: { readonly hub: HubSettings } | undefined;
  /** What the environment and the configuration say about the engines. */
  readonly settings?: EngineSettings;
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * Engines that are named by the address of another machine are on that one, of which nothing is known then. Otherwise they
   * belong to this one whatever their address says: seen from a container, its host has another name.
   */
  readonly mayBeElsewhere?: boolean;
  /** The cluster it belongs to, where that is known before it joins. */
  readonly clusterId?: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A node of this machine: serves the engines to whichever links it is given. */
export interface LocalNode extends NodeHost {
  /** What answers where an engine may be and is none. */
  readonly findings: readonly Finding[];
  /** Jobs by engine id, for metrics. */
  jobs(): ReadonlyMap<string, EngineJobState>;
  /** Whatever its engines are asked from now on says that it went through this cluster. */
  nameCluster(clusterId: string): void;
  /** Takes nothing new; resolves when nothing runs any more, or all was cut. */
  drain(): Promise<void>;
  /** Gives up at once whatever runs; those who wait for it are told this reason. */
  cut(reason: string): void;
  /** Ends at once: jobs fail, engines are left as they are. */
  close(): Promise<void>;
}

/**
 * Builds a node. Resolves when its engines were asked once: what is up is in its first report.
 *
 * @throws UsageError when the data folder cannot be written
 */
export async function createNode(options: NodeOptions): Promise<LocalNode> {
  const { dataDir, logger, clock, settings = {} } = options;
  const identity: NodeIdentity = {
    nodeId: options.nodeId ?? keptId(dataDir, 'node-id', uuid, randomUUID),
    bootId: randomUUID(),
    name: options.name ?? hostname(),
    machineId: await findMachineId(dataDir),
    version: packageJson.version,
  };
  const isElsewhere = options.mayBeElsewhere === true && areElsewhere(options.engines);
  let hardware: Hardware = isElsewhere ? unknownHardware : basicHardware();
  const node = new EngineNode({
    clusterId: options.clusterId,
    identity,
    labels: options.labels ?? {},
    hardware: () => hardware,
    clock,
    logger,
  });
  const add = (address: EngineAddress) =>
    node.add(createEngine({ ...address, engineId: toEngineId(address), settings, clock, logger }));
  let discovery: EngineDiscovery | undefined;
  if (options.engines.kind === 'fixed') {
    await Promise.all(options.engines.engines.map(add));
  } else {
    const { ollamaUrl, candidates = toCandidates(ollamaUrl) } = options.engines;
    discovery = new EngineDiscovery({
      candidates,
      identify: (address, signal) => identify(address, clock, signal),
      ownAddresses: findOwnAddresses,
      found: add,
      clock,
      logger,
    });
    const builtin =
      options.builtin &&
      createBuiltinEngine({
        folder: path.join(dataDir, 'models'),
        hub: options.builtin.hub,
        settings,
        hasOtherModels: () => hasModels(node.reports.current(), builtinEngineId),
        clock,
        logger,
      });
    await Promise.all([discovery.start(), builtin && node.add(builtin)]);
  }
  // Asks other programs, which may take seconds: the node serves meanwhile.
  if (!isElsewhere) {
    void findGpus().then(
      (gpus) => {
        hardware = { ...hardware, gpus };
        if (gpus.length > 0) node.reports.changed();
      },
      (thrown: unknown) => logger.warn('gpus-unknown', { error: String(thrown) }),
    );
  }
  return {
    identity,
    reports: node.reports,
    slots: node.slots,
    get findings() {
      return discovery?.findings ?? [];
    },
    jobs: () => node.jobs(),
    nameCluster: (clusterId) => node.nameCluster(clusterId),
    run: (job, body, output) => node.run(job, body, output),
    operate: (request, content, signal) => node.operate(request, content, signal),
    load: (command, signal) => node.load(command, signal),
    unload: (command) => node.unload(command),
    drain: () => node.drain(),
    cut: (reason) => node.cut(reason),
    async close() {
      discovery?.stop();
      await node.close();
    },
  };
}

/** Whether an engine other than this one has a model. */
function hasModels({ engines }: NodeReport, besides: string): boolean {
  return engines.some(({ engineId, models }) => engineId !== besides && models.length > 0);
}

function areElsewhere(source: EngineSource): boolean {
  if (source.kind === 'discover') return false;
  const own = findOwnAddresses();
  return source.engines.every((address) => !isOnThisMachine(address, own));
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function findOwnAddresses(): ReadonlySet<string> {
  const own = new Set([hostname().toLowerCase()]);
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address } of addresses ?? []) own.add(address.toLowerCase());
  }
  return own;
}
