import { readableFrom } from './readable-from.ts';

/** Lines of an operation as they come. The first one is awaited before the head is sent, so a failure before it has its own status. */
export async function ndjsonResponse(lines: AsyncIterator<unknown>): Promise<Response> {
  const first = await lines.next();
  return new Response(readableFrom(first, lines, encodeLine), { headers: { 'content-type': 'application/x-ndjson' } });
}

const encoder = new TextEncoder();

function encodeLine(line: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify(line)}\n`);
}
