import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { readLines } from '@waggle/shared/streams/ndjson.ts';

/** The JSON objects of an engine's NDJSON answer, one by one. Throws `engine-failed` for a line that is none. */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  for await (const line of readLines(chunks)) {
    const text = line.toString();
    if (text.trim() !== '') yield parseLine(text);
  }
}

function parseLine(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch (cause) {
    throw new ClusterError('engine-failed', 'the engine sent a broken line', { cause });
  }
  throw new ClusterError('engine-failed', 'the engine sent a line that is no object');
}
