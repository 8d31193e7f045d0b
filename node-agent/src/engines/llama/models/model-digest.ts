import { createHash } from 'node:crypto';

/** One digest for a model, whatever the number of its files: that of the file, or of the digests of the parts, one per line. */
export function combineDigests(digests: readonly string[]): string {
  const [only = ''] = digests;
  return digests.length === 1 ? only : createHash('sha256').update(digests.join('\n')).digest('hex');
}
