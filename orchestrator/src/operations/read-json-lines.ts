import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';

/** The JSON objects of an engine's NDJSON answer, one by one. Throws `engine-failed` for a line that is none. */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLineLength) throw new ClusterError('engine-failed', 'the engine sent a line without end');
    for (const line of lines) if (line.trim() !== '') yield parseLine(line);
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield parseLine(rest);
}

const maxLineLength = 8 * 1024 * 1024;

function parseLine(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch (cause) {
    throw new ClusterError('engine-failed', 'the engine sent a broken line', { cause });
  }
  throw new ClusterError('engine-failed', 'the engine sent a line that is no object');
}
