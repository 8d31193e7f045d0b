/** Where Waggle answers otherwise than the Ollama behind it, on purpose. Everything else must be equal. */
export interface IntendedDifference {
  /** Names in `comparedCalls`. */
  readonly calls: readonly string[];
  /** Places in the answer, as `compareAnswers` names them. */
  readonly at: RegExp;
  /** For the reader of the README. */
  readonly reason: string;
}

export const intendedDifferences: readonly IntendedDifference[] = [
  {
    calls: ['generate option of a wrong type', 'generate format unknown'],
    at: /^status$/,
    reason:
      'A wrong type of an option and an unknown format are the request’s fault: 400 with Ollama’s text (Ollama: 500).',
  },
];
