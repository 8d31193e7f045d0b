/** What a person wrote, or a machine has, that a program cannot start with. The message is one sentence for a terminal. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';

  /** The full stop is added where it is missing. */
  constructor(sentence: string, options?: ErrorOptions) {
    super(toSentence(sentence), options);
  }
}

// Keys, values and paths are shown as they were written, except for what would move a terminal's cursor.
function toSentence(text: string): string {
  const line = text.replace(/\p{Cc}/gu, '\u{fffd}');
  return /[.?!]$/.test(line) ? line : `${line}.`;
}
