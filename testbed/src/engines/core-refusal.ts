/**
 * Why the core does not answer. Each dialect has its own words for it.
 * `no-model`: no model of that name. `busy`: too many requests wait for a model to be loaded. `gone`: the client left, or the engine ends.
 */
export type RefusalCode = 'no-model' | 'busy' | 'gone';

export class CoreRefusal extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode) {
    super(code);
    this.name = 'CoreRefusal';
    this.code = code;
  }
}
