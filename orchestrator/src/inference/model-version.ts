import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import { type Aliases, resolveModel } from './resolve-model.ts';

/** Names tried before a request counts as not kept; an alias may stand for a hundred. */
const mostVersions = 16;

/**
 * What says the same words to the same request, for every place that could answer it: the digest of the model where all its nodes agree on
 * one, else the model on one start of one engine. Empty where nobody serves the model.
 */
export function modelVersions(
  name: string,
  registry: Pick<NodeRegistry, 'places' | 'node' | 'nearest'>,
  aliases: Aliases,
): readonly string[] {
  const { targets, onlyNode } = resolveModel(name, registry, aliases);
  const versions = new Set<string>();
  for (const target of targets) {
    const places = registry.places(target);
    for (const place of places) {
      if (onlyNode === undefined || place.engine.node.name === onlyNode) versions.add(versionAt(place, places));
      if (versions.size >= mostVersions) return [...versions];
    }
  }
  return [...versions];
}

/** The version of the model that gave an answer; undefined once the place is gone. */
export function versionOf(
  answered: { readonly node: string; readonly engineId: string; readonly model: string },
  registry: Pick<NodeRegistry, 'served'>,
): string | undefined {
  const places = registry.served(answered.model);
  const place = places.find(
    ({ engine, name }) =>
      engine.engineId === answered.engineId && engine.node.name === answered.node && name === answered.model,
  );
  return place && versionAt(place, places);
}

function versionAt({ engine, name, report }: ServedModel, places: readonly ServedModel[]): string {
  const { digest } = report;
  if (digest !== '' && places.every((place) => place.report.digest === digest)) return digest;
  return `${engine.node.identity.nodeId} ${engine.node.identity.bootId} ${engine.engineId} ${engine.starts} ${name}`;
}
