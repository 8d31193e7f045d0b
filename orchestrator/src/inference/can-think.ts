import type { Capability } from '@waggle/shared/cluster/model.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import { refusalWithout, refusedNeed } from '../scheduling/engine-refusals.ts';
import { type Aliases, resolveModel } from './resolve-model.ts';

const thinking = { needs: ['thinking'] } as const;

/**
 * Whether any place of the model would take a request to think. Coding clients ask every model to, and cannot be told not to: where no
 * place would, the wish is dropped instead of the request, as Ollama does it for them. True where there is no such model: that is said later.
 */
export function canThink(
  model: string,
  registry: Pick<NodeRegistry, 'places' | 'node' | 'nearest'>,
  aliases: Aliases,
): boolean {
  let targets: readonly string[];
  try {
    targets = resolveModel(model, registry, aliases).targets;
  } catch {
    return true;
  }
  return targets
    .flatMap((target) => registry.places(target))
    .some(({ engine, report: { capabilities } }) => {
      const refusal = (need: Capability) => refusalWithout(engine.report, need);
      return refusedNeed({ capabilities, refusalWithout: refusal }, thinking) === undefined;
    });
}
