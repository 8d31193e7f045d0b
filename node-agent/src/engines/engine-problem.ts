/**
 * Why an engine cannot be used now. `refused`: nobody listens, so it is down at once. `no-answer`: it may only be busy.
 * `rejected`: it wants another key. `not-an-engine`: something else has that address. `waggle`: Waggle itself has it.
 */
export type EngineProblemKind = 'refused' | 'no-answer' | 'rejected' | 'loading' | 'not-an-engine' | 'waggle';

/** An engine that cannot be used, in words for its operator. */
export class EngineProblem extends Error {
  override readonly name = 'EngineProblem';
  readonly kind: EngineProblemKind;

  constructor(kind: EngineProblemKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}
