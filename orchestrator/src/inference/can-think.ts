import type { Capability } from '@waggle/shared/cluster/model.ts';
import type { ModelSettings } from '../cluster/model-settings.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import { refusalWithout, refusedNeed } from '../scheduling/engine-refusals.ts';
import { type Aliases, type ResolvedModel, resolveModel } from './resolve-model.ts';

const thinking = { needs: ['thinking'] } as const;

/** Where a request would go. */
export interface ThinkingDeps {
  readonly registry: Pick<NodeRegistry, 'places' | 'node' | 'nearest'>;
  readonly settings: Pick<ModelSettings, 'of'>;
  readonly aliases: Aliases;
}

/**
 * Whether any place of the model would take a request to think. Coding clients ask every model to, and cannot be told not to: where no
 * place would, the wish is dropped instead of the request, as Ollama does it for them. True where there is no such model: that is said later.
 */
export function canThink(model: string, { registry, settings, aliases }: ThinkingDeps): boolean {
  let resolved: ResolvedModel;
  try {
    resolved = resolveModel(model, registry, aliases);
  } catch {
    return true;
  }
  const { targets, onlyNode } = resolved;
  const isOpen = (target: string, node: string): boolean =>
    (onlyNode ?? node) === node && settings.of(target).nodes?.includes(node) !== false;
  return targets
    .flatMap((target) => registry.places(target).filter(({ engine }) => isOpen(target, engine.node.name)))
    .some(({ engine, report: { capabilities } }) => {
      const refusal = (need: Capability) => refusalWithout(engine.report, need);
      return refusedNeed({ capabilities, refusalWithout: refusal }, thinking) === undefined;
    });
}
