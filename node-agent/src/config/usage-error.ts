/** What a person wrote that cannot be used; the message is one sentence. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
