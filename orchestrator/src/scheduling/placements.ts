import type { ClusterEngine } from '../cluster/cluster-engine.ts';
import type { ClusterNode } from '../cluster/cluster-node.ts';
import type { ModelSettings } from '../cluster/model-settings.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import { ClusterRates } from './cluster-rates.ts';
import type { Decision } from './decision.ts';
import { EngineRoom } from './engine-room.ts';
import { ServedPlacement } from './served-placement.ts';

interface PlacementDeps {
  readonly settings: ModelSettings;
  readonly onProbeDue: (placement: ServedPlacement) => void;
  readonly onHealed: () => void;
}

/** What scheduling knows of each served model, for as long as the registry knows the model. */
export class Placements {
  readonly #registry: NodeRegistry;
  readonly #deps: PlacementDeps;
  readonly #rates = new ClusterRates();
  readonly #known = new WeakMap<ServedModel, ServedPlacement>();
  readonly #rooms = new WeakMap<ClusterEngine, EngineRoom>();
  /** The registry gives the same list as long as it does not change. */
  readonly #lists = new WeakMap<readonly ServedModel[], readonly ServedPlacement[]>();

  constructor(registry: NodeRegistry, deps: PlacementDeps) {
    this.#registry = registry;
    this.#deps = deps;
  }

  of(served: ServedModel): ServedPlacement {
    let placement = this.#known.get(served);
    if (placement === undefined) {
      placement = new ServedPlacement(served, {
        ...this.#deps,
        rates: this.#rates,
        room: this.#roomOf(served.engine),
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

  /** Every place that has one of them, in order of preference. */
  withModels(keys: readonly string[]): readonly ServedPlacement[] {
    return keys.flatMap((key) => this.withModel(key));
  }

  #roomOf(engine: ClusterEngine): EngineRoom {
    const room = this.#rooms.get(engine) ?? new EngineRoom();
    this.#rooms.set(engine, room);
    return room;
  }

  /** What an engine did before says nothing of it after it comes back; breakers that are open would also keep their timers. */
  closeBreakers(node: ClusterNode): void {
    for (const engine of node.engines) for (const served of engine.models) this.#known.get(served)?.guard.dispose();
  }
}

/** Places that were free for a job that went elsewhere; see `Placement.passedOver`. */
export function countPassedOver(places: readonly ServedPlacement[], { candidates, chosen }: Decision): void {
  for (const [index, place] of places.entries())
    if (index !== chosen && candidates[index]?.bindable === true) place.passedOver++;
}
