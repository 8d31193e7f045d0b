import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { splitNodeSuffix } from '../cluster/model-names.ts';
import type { EngineView, ServedModelView } from '../cluster/views.ts';
import { type BlobDeps, locateBlobs } from './blob-places.ts';
import { building, byRoom, everyEngine, type NodeChoice, namedEngines } from './engine-choice.ts';
import type { ModelTurns } from './model-turns.ts';
import { type OperationCluster, placesOf } from './places.ts';
import { refuseAlias } from './refuse-alias.ts';
import { type ReportedAnswer, type ReportedTask, runReported } from './run-reported.ts';

/** A model to be made. */
export interface NewModel {
  /** Its name, or `name@node`. */
  readonly model: string;
  /** The model it is made from: a name, an alias, `name@node`, or one that is nowhere yet and that the engine fetches. */
  readonly from: string | undefined;
  /** Of its files, adapters and drafts. */
  readonly digests: readonly string[];
  /** The rest of the client's wishes, as it wrote them. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly choice: NodeChoice;
  readonly stream: boolean;
}

export interface CreatedModel {
  readonly answer: ReportedAnswer;
  readonly nodes: readonly string[];
}

/**
 * Makes a model where what it is made from is: on every node that has the `from` model and the files (`BlobPlaces` says how the files came
 * there), on the nodes of `choice`, on one as `name@node`. What is to be made from a model that is nowhere goes where most room is, and its engine
 * fetches it. Of one name one is made at a time. Rejects with `bad-request` for an alias, and where what belongs together lies on different nodes.
 */
export async function createModel(
  wanted: NewModel,
  deps: BlobDeps & { readonly turns: ModelTurns },
): Promise<CreatedModel> {
  const { cluster, signal } = deps;
  refuseAlias(wanted.model, cluster, 'a model of this name would hide it');
  const suffixed = splitNodeSuffix(wanted.model);
  const choice = wanted.choice === 'best' && suffixed !== undefined ? [suffixed.node] : wanted.choice;
  const model = suffixed?.model ?? wanted.model;
  const base = findBase(wanted.from, cluster);
  const engines = await enginesFor({ ...wanted, choice }, base, deps);
  const tasks = engines.map((engine): ReportedTask => {
    const from = base.places.find((place) => place.engine === engine)?.name ?? base.name;
    return {
      engine,
      operation: { name: 'create', body: { ...wanted.fields, ...(from === undefined ? {} : { from }), model } },
    };
  });
  const endTurn = await deps.turns.take(model, signal);
  const nodes = engines.map(({ node }) => node.name);
  let isRunning = false;
  try {
    const answer = await runReported(tasks, wanted.stream, deps);
    if (answer.form === 'answer') return { nodes, answer };
    isRunning = true;
    return { nodes, answer: { form: 'lines', lines: endedBy(answer.lines, endTurn) } };
  } finally {
    if (!isRunning) endTurn();
  }
}

async function* endedBy<Item>(items: AsyncIterable<Item>, end: () => void): AsyncGenerator<Item> {
  try {
    yield* items;
  } finally {
    end();
  }
}

interface Base {
  /** Where it is. */
  readonly places: readonly ServedModelView[];
  /** What an engine is told that does not have it. */
  readonly name: string | undefined;
  readonly onlyNode?: string;
}

function findBase(from: string | undefined, cluster: OperationCluster): Base {
  if (from === undefined) return { places: [], name: from };
  const places = knownPlaces(from, cluster);
  const [first] = places;
  if (first !== undefined) {
    const usable = places.filter(({ engine }) => building.fits(engine));
    if (usable.length > 0) return { places: usable, name: first.name };
    throw new ClusterError('unsupported', `'${from}' is on no engine that can make models of it`, {
      details: { param: 'from' },
    });
  }
  const suffixed = splitNodeSuffix(from);
  const isNode = suffixed !== undefined && cluster.registry.node(suffixed.node) !== undefined;
  return isNode ? { places, name: suffixed.model, onlyNode: suffixed.node } : { places, name: from };
}

function knownPlaces(from: string, cluster: OperationCluster): readonly ServedModelView[] {
  try {
    return placesOf(from, cluster);
  } catch (thrown) {
    const { code } = toClusterError(thrown);
    // An engine that has it not fetches it, and has the words for what is no name.
    if (code === 'model-not-found' || code === 'bad-request') return [];
    throw thrown;
  }
}

async function enginesFor(
  { from, digests, choice: wanted }: NewModel,
  base: Base,
  deps: BlobDeps,
): Promise<readonly EngineView[]> {
  const { registry } = deps.cluster;
  const all = everyEngine(building, registry);
  const choice = wanted === 'best' && base.onlyNode !== undefined ? [base.onlyNode] : wanted;
  const isFree = choice === 'best';
  const candidates = isFree
    ? base.places.length > 0
      ? base.places.map(({ engine }) => engine)
      : byRoom(all)
    : choice === 'all'
      ? all
      : namedEngines(choice, building, registry);
  if (digests.length === 0) return isFree && base.places.length === 0 ? candidates.slice(0, 1) : candidates;

  const located = await locateBlobs(digests, [...new Set([...all, ...candidates])], deps);
  const count = (engine: EngineView) => located.get(engine)?.size ?? 0;
  const whole = candidates.filter((engine) => count(engine) === digests.length);
  if (isFree ? whole.length > 0 : whole.length === candidates.length) return whole;
  const isMissing = digests.some((digest) => ![...located.values()].some((here) => here.has(digest)));
  if (!isMissing) throw scattered(digests, located, from === undefined ? undefined : { from, places: base.places });
  return isFree ? candidates.toSorted((a, b) => count(b) - count(a)).slice(0, 1) : candidates;
}

function scattered(
  digests: readonly string[],
  located: ReadonlyMap<EngineView, ReadonlySet<string>>,
  base: { readonly from: string; readonly places: readonly ServedModelView[] } | undefined,
): ClusterError {
  const parts = digests.map((digest) => {
    const nodes = [...located].filter(([, here]) => here.has(digest)).map(([engine]) => engine.node.name);
    return `${digest.slice(0, 'sha256:'.length + 12)} on ${nodes.join(', ')}`;
  });
  if (base !== undefined && base.places.length > 0) {
    parts.push(`'${base.from}' on ${base.places.map(({ engine }) => engine.node.name).join(', ')}`);
  }
  const message = `what the model is made from must be on one node, but it is: ${parts.join('; ')}; name the node with ?node= when you send the files`;
  return new ClusterError('bad-request', message, { details: { param: 'files' } });
}
