import type { ModelSettings } from '../cluster/model-settings.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import { type Aliases, resolveModel } from './resolve-model.ts';

/** Names tried before a request counts as not kept; an alias may stand for a hundred. */
const mostVersions = 16;

export interface VersionDeps {
  readonly registry: Pick<NodeRegistry, 'places' | 'node' | 'nearest' | 'served'>;
  readonly aliases: () => Aliases;
  readonly settings: Pick<ModelSettings, 'of'>;
}

/**
 * What says the same words to the same request, for every place that may answer it: the digest of the model where all its nodes agree on
 * one, else the model on one start of one engine; and the context it is to have. Empty where nobody serves the model, or a stand-in does.
 */
export function modelVersions(name: string, { registry, aliases, settings }: VersionDeps): readonly string[] {
  const { targets } = resolveModel(name, registry, aliases());
  const versions = new Set<string>();
  for (const target of targets) {
    const { nodes } = settings.of(target);
    const places = registry.places(target);
    for (const place of places) {
      if (nodes !== undefined && !nodes.includes(place.engine.node.name)) continue;
      const version = versionAt(place, places, settings);
      if (version !== undefined) versions.add(version);
      if (versions.size >= mostVersions) return [...versions];
    }
  }
  return [...versions];
}

/** The version of the model that gave an answer; undefined once the place is gone. */
export function versionOf(
  answered: { readonly node: string; readonly engineId: string; readonly model: string },
  { registry, settings }: Pick<VersionDeps, 'registry' | 'settings'>,
): string | undefined {
  const places = registry.served(answered.model);
  const place = places.find(
    ({ engine, name }) =>
      engine.engineId === answered.engineId && engine.node.name === answered.node && name === answered.model,
  );
  return place && versionAt(place, places, settings);
}

function versionAt(
  { engine, key, name, report }: ServedModel,
  places: readonly ServedModel[],
  settings: VersionDeps['settings'],
): string | undefined {
  const { digest, scripted } = report;
  if (scripted === true) return undefined;
  const { numCtx } = settings.of(key);
  const context = numCtx === undefined ? '' : ` ${numCtx}`;
  if (digest !== '' && places.every((place) => place.report.digest === digest)) return `${digest}${context}`;
  const { nodeId, bootId } = engine.node.identity;
  return `${nodeId} ${bootId} ${engine.engineId} ${engine.starts} ${name}${context}`;
}
