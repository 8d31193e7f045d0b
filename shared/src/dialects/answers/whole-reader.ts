import { ClusterError } from '../../errors/cluster-error.ts';
import type { JobStats, WholeAnswer } from '../dialect.ts';

/** Largest unstreamed answer; some thousand long embeddings fit. */
const maxWholeBytes = 256 * 1024 * 1024;

/** Collects an unstreamed answer and reads it when it is complete. */
export function createWholeReader<Batch>(read: (bytes: Uint8Array) => WholeAnswer<Batch>): {
  push(chunk: Uint8Array): undefined;
  finish(): { readonly end: JobStats; readonly batch: Batch };
} {
  const chunks: Uint8Array[] = [];
  let length = 0;
  return {
    push(chunk) {
      length += chunk.length;
      if (length > maxWholeBytes) {
        chunks.length = 0;
        throw new ClusterError('engine-failed', `the answer is longer than ${maxWholeBytes} bytes`);
      }
      chunks.push(chunk);
    },
    finish() {
      const [only] = chunks;
      const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length);
      const { batch, stats } = read(bytes);
      return { end: stats, batch };
    },
  };
}
