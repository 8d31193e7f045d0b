import { createHash } from 'node:crypto';
import { toModelKey } from '../../cluster/model-names.ts';
import type { EngineView, NodeView, ServedModelView } from '../../cluster/views.ts';
import type { Aliases } from '../../inference/resolve-model.ts';

/** An entry of `/api/tags`: the engine's own JSON, or one made of its report, and where the model is. */
export interface TagEntry {
  readonly name: string;
  readonly model: string;
  readonly modified_at: string;
  readonly size: number;
  /** At least 12 characters: Ollama's own CLI cuts it there without looking. */
  readonly digest: string;
  readonly details: object;
  /** Names of the nodes that have it. */
  readonly nodes: readonly string[];
  /** Node → digest, where they are not all the same. */
  readonly differing_digests?: Readonly<Record<string, string>>;
  /** The name is an alias of the configuration for this model. */
  readonly alias_of?: string;
  readonly [field: string]: unknown;
}

export interface PsEntry {
  readonly name: string;
  readonly expires_at: string;
  readonly node: string;
  readonly [field: string]: unknown;
}

/** Engines whose models a client may be told of, each once: those that are up, and those of a node that left a moment ago. */
function listedEngines(nodes: readonly NodeView[]): readonly EngineView[] {
  return nodes
    .flatMap((node) => node.engines)
    .filter((engine) => engine.usedThrough === undefined)
    .filter((engine) => engine.node.state === 'left' || engine.report.health !== 'down');
}

/** One entry per name, of the newest one where nodes differ; newest first. */
export function listTags(nodes: readonly NodeView[], aliases: Aliases): readonly TagEntry[] {
  const byKey = Map.groupBy(
    listedEngines(nodes).flatMap((engine) => engine.models),
    (place) => toModelKey(place.name),
  );
  const entries = new Map<string, TagEntry>();
  for (const [key, places] of byKey) entries.set(key, mergePlaces(places));
  const listed = [...entries.values()];
  for (const [alias, targets] of aliases) {
    if (entries.has(toModelKey(alias))) continue;
    const target = targets
      .map((name) => entries.get(toModelKey(name)))
      .find((entry) => entry !== undefined && entry['scripted'] !== true);
    if (target !== undefined) listed.push({ ...target, name: alias, model: alias, alias_of: target.name });
  }
  return listed.toSorted((a, b) => timeOf(b.modified_at) - timeOf(a.modified_at));
}

function mergePlaces(places: readonly ServedModelView[]): TagEntry {
  const tagged = places.map((place) => ({ place, tag: toTag(place) }));
  tagged.sort((a, b) => timeOf(b.tag.modified_at) - timeOf(a.tag.modified_at));
  const [newest] = tagged;
  if (newest === undefined) throw new Error('a model without a place');
  const nodes = [...new Set(places.map((place) => place.engine.node.name))].toSorted();
  const digests = places.filter((place) => place.report.digest !== '');
  const differ = new Set(digests.map((place) => place.report.digest)).size > 1;
  return {
    ...newest.tag,
    nodes,
    ...(differ && {
      differing_digests: Object.fromEntries(digests.map((place) => [place.engine.node.name, place.report.digest])),
    }),
  };
}

function toTag(place: ServedModelView): TagEntry {
  const { report } = place;
  const own = parseEntry(report.tagJson);
  return {
    name: report.name,
    model: report.name,
    modified_at: report.modifiedAt ?? place.engine.node.joinedAt,
    size: report.sizeBytes,
    ...own,
    digest: digestOf(place),
    details: detailsOf(place, own),
    ...(own === undefined && report.capabilities !== undefined && { capabilities: report.capabilities }),
    nodes: [],
  };
}

/** Stays until told otherwise: so far off that clients say "forever". */
const never = '2318-12-31T23:59:59Z';

/** One entry per resident instance: copies of a model share one, which is listed by the name it was loaded by. Longest to stay first. */
export function listResident(nodes: readonly NodeView[]): readonly PsEntry[] {
  const engines = nodes.filter((node) => node.state !== 'left').flatMap((node) => node.engines);
  const hot = engines
    .filter((engine) => engine.report.health !== 'down' && engine.usedThrough === undefined)
    .flatMap((engine) => listInstances(engine.models));
  return hot.map(toPsEntry).toSorted((a, b) => timeOf(b.expires_at) - timeOf(a.expires_at));
}

function listInstances(models: readonly ServedModelView[]): readonly ServedModelView[] {
  const hot = models.filter((place) => place.report.state === 'hot');
  const listed = new Set(hot.filter(({ report }) => report.psJson !== undefined).map(({ report }) => report.digest));
  return hot.filter(({ report }) => report.psJson !== undefined || report.digest === '' || !listed.has(report.digest));
}

function toPsEntry(place: ServedModelView): PsEntry {
  const { report } = place;
  const own = parseEntry(report.psJson);
  const { resident } = report;
  const toldUntil = toldLater(place);
  return {
    name: report.name,
    model: report.name,
    size: resident?.sizeBytes ?? report.sizeBytes,
    digest: digestOf(place),
    details: detailsOf(place, own),
    expires_at: resident?.expiresAt ?? never,
    size_vram: resident?.vramBytes ?? 0,
    context_length: report.numCtx ?? report.contextLength ?? 0,
    ...own,
    ...(toldUntil !== undefined && { expires_at: toldUntil }),
    node: place.engine.node.name,
  };
}

/** What its engine was told since it was looked at, by whichever name of the content, if that is longer than what it said. */
function toldLater({ report, engine, toldUntil: own }: ServedModelView): string | undefined {
  let toldUntil = own;
  for (const copy of report.digest === '' ? [] : engine.models)
    if (copy.report.digest === report.digest) toldUntil = Math.max(toldUntil, copy.toldUntil);
  if (toldUntil <= timeOf(report.resident?.expiresAt ?? never)) return undefined;
  return Number.isFinite(toldUntil) ? new Date(toldUntil).toISOString() : never;
}

/** What `/api/show` would say of an engine that cannot be asked: from its report alone. */
export function describeReport(place: ServedModelView): object {
  const { report, engine } = place;
  const architecture = report.family ?? 'unknown';
  const contextLength = report.contextLength ?? report.numCtx;
  return {
    license: '',
    modelfile: '',
    parameters: '',
    template: '',
    details: detailsOf(place, parseEntry(report.tagJson)),
    model_info: {
      'general.architecture': architecture,
      ...(contextLength !== undefined && { [`${architecture}.context_length`]: contextLength }),
    },
    capabilities: report.capabilities ?? ['completion'],
    modified_at: report.modifiedAt ?? engine.node.joinedAt,
    node: engine.node.name,
  };
}

function detailsOf({ report }: ServedModelView, own: Readonly<Record<string, unknown>> | undefined): object {
  const details = own?.['details'];
  if (typeof details === 'object' && details !== null) return details;
  const family = report.family ?? '';
  return {
    parent_model: '',
    format: '',
    family,
    families: family === '' ? [] : [family],
    parameter_size: report.parameterSize ?? '',
    quantization_level: report.quantization ?? '',
  };
}

/** The engine's digest; where it has none, one of the name, so that equal names compare equal. */
function digestOf({ report }: ServedModelView): string {
  return report.digest.length >= 12 ? report.digest : createHash('sha256').update(report.name).digest('hex');
}

function parseEntry(json: string | undefined): Readonly<Record<string, unknown>> | undefined {
  return json === undefined ? undefined : (JSON.parse(json) as Readonly<Record<string, unknown>>);
}

function timeOf(text: string): number {
  const time = Date.parse(text);
  return Number.isNaN(time) ? 0 : time;
}
