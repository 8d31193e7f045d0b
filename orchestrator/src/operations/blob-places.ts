import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { EngineView } from '../cluster/views.ts';
import { building, byRoom, everyEngine, type NodeChoice, namedEngines } from './engine-choice.ts';
import type { OperationRunner } from './operation-runner.ts';
import type { OperationCluster } from './places.ts';

export interface BlobDeps {
  readonly cluster: OperationCluster;
  readonly runner: OperationRunner;
  readonly signal: AbortSignal;
}

/** How long a client's blobs go to one node after it was last heard of one. */
const keptMs = 600_000;
const maxClients = 1_000;

interface Kept {
  /** Of the node; undefined where none could be chosen. */
  readonly nodeId: Promise<string | undefined>;
  until: number;
}

/**
 * Which node the files of a model go to. Ollama's client asks for each file by its digest (HEAD), sends those that are missing (POST), then
 * calls create with the digests, and names no node in any of the three. So:
 *
 * - `?node=` wins, in each of them.
 * - Else the files of one client, by its address, go to one node: the one that has a file it asked for, or else the one with most room when it
 *   sends the first, as for a pull. So it stays for 10 minutes after the client was last heard of a file, or until it calls create; whether a
 *   file is there is asked of that node alone, and of all while there is none. So the files of one model meet on one node; two clients behind
 *   one address share it, which costs nothing but the choice.
 * - A create goes to every node that has all its files: the engines are asked, nothing is remembered. Where none has all of them but each is
 *   somewhere it is refused with the nodes they lie on. A file that is nowhere the engine misses in its own words.
 */
export class BlobPlaces {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The engine that a client's file belongs to, or that is asked for it. Throws `bad-request` for a choice of several nodes, `no-node` where
   * there is none.
   */
  async placeFor(file: WantedFile, deps: BlobDeps): Promise<EngineView> {
    const { client, digest, choice, isSent } = file;
    const { registry } = deps.cluster;
    if (choice !== 'best') {
      const [engine, ...others] = choice === 'all' ? [] : namedEngines(choice, building, registry);
      if (engine !== undefined && others.length === 0) return engine;
      throw new ClusterError('bad-request', 'a file goes to one node at a time', { details: { param: 'node' } });
    }
    const kept = await this.#keptFor(client, deps);
    if (kept !== undefined) return kept;
    const engines = byRoom(everyEngine(building, registry));
    // Files that are sent at the same time wait for the choice.
    if (isSent)
      return this.#keep(
        client,
        findHolder(digest, engines, deps).then((holder) => holder ?? first(engines)),
      );
    const holder = await findHolder(digest, engines, deps);
    if (holder === undefined) return first(engines);
    return (await this.#keptFor(client, deps)) ?? this.#keep(client, Promise.resolve(holder));
  }

  /** The client has made its model: the next one may go elsewhere. */
  forget(client: string): void {
    this.#kept.delete(client);
  }

  async #keptFor(client: string, { cluster }: BlobDeps): Promise<EngineView | undefined> {
    const kept = this.#kept.get(client);
    const now = this.#clock.now();
    if (kept === undefined || kept.until < now) return undefined;
    kept.until = now + keptMs;
    const nodeId = await kept.nodeId;
    return everyEngine(building, cluster.registry).find(({ node }) => node.identity.nodeId === nodeId);
  }

  #keep(client: string, choice: Promise<EngineView>): Promise<EngineView> {
    const nodeId = choice.then(({ node }) => node.identity.nodeId).catch(() => undefined);
    this.#kept.delete(client);
    this.#kept.set(client, { nodeId, until: this.#clock.now() + keptMs });
    if (this.#kept.size > maxClients) this.#kept.delete(this.#kept.keys().next().value ?? '');
    return choice;
  }
}

export interface WantedFile {
  readonly client: string;
  readonly digest: string;
  readonly choice: NodeChoice;
  /** The client sends it; else it only asks for it. */
  readonly isSent: boolean;
}

function first(engines: readonly EngineView[]): EngineView {
  const [engine] = engines;
  if (engine === undefined) throw new ClusterError('no-node', 'no node can take a file now');
  return engine;
}

async function findHolder(
  digest: string,
  engines: readonly EngineView[],
  deps: BlobDeps,
): Promise<EngineView | undefined> {
  if (engines.length === 1) return first(engines);
  const having = await Promise.all(engines.map((engine) => hasBlob(engine, digest, deps)));
  return engines.find((_engine, index) => having[index]);
}

/** Which of the files each engine has; none where it cannot be asked. */
export async function locateBlobs(
  digests: readonly string[],
  engines: readonly EngineView[],
  deps: Omit<BlobDeps, 'cluster'>,
): Promise<ReadonlyMap<EngineView, ReadonlySet<string>>> {
  const located = engines.map(async (engine) => {
    const here = new Set<string>();
    for (const digest of digests) if (await hasBlob(engine, digest, deps)) here.add(digest);
    return [engine, here] as const;
  });
  return new Map(await Promise.all(located));
}

async function hasBlob(
  engine: EngineView,
  digest: string,
  { runner, signal }: Omit<BlobDeps, 'cluster'>,
): Promise<boolean> {
  try {
    const { status } = await runner.runWhole(engine, { name: 'blob-head', body: { digest } }, signal);
    return status === 200;
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    return false;
  }
}
