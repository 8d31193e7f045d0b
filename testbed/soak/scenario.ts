import type { Figure } from './figures.ts';
import type { SoakOptions } from './soak-options.ts';

export interface Scenario {
  readonly name: string;
  readonly what: string;
  run(options: SoakOptions): Promise<Figure[]>;
}
