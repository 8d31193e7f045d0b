import type { ClusterNode } from '../cluster/cluster-node.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import { ClusterRates } from './cluster-rates.ts';
import { ServedPlacement } from './served-placement.ts';

interface PlacementEvents {
  readonly onProbeDue: (placement: ServedPlacement) => void;
  readonly onHealed: () => void;
}

/** What scheduling knows of each served model, for as long as the registry knows the model. */
export class Placements {
  readonly #registry: NodeRegistry;
  readonly #events: PlacementEvents;
  readonly #rates = new ClusterRates();
  readonly #known = new WeakMap<ServedModel, ServedPlacement>();
  /** The registry gives the same list as long as it does not change. */
  readonly #lists = new WeakMap<readonly ServedModel[], readonly ServedPlacement[]>();

  constructor(registry: NodeRegistry, events: PlacementEvents) {
    this.#registry = registry;
    this.#events = events;
  }

  of(served: ServedModel): ServedPlacement {
    let placement = this.#known.get(served);
    if (placement === undefined) {
      placement = new ServedPlacement(served, {
        ...this.#events,
        rates: this.#rates,
        placement: (other) => this.of(other),
      });
      this.#known.set(served, placement);
    }
    return placement;
  }

  /** Every place that has the model with that key. */
  withModel(key: string): readonly ServedPlacement[] {
    const all = this.#registry.places(key);
    let places = this.#lists.get(all);
    if (places === undefined) {
      places = all.map((served) => this.of(served));
      this.#lists.set(all, places);
    }
    return places;
  }

  /** What an engine did before says nothing of it after it comes back; breakers that are open would also keep their timers. */
  closeBreakers(node: ClusterNode): void {
    for (const engine of node.engines) for (const served of engine.models) this.#known.get(served)?.guard.dispose();
  }
}
