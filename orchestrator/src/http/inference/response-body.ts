import type { ServerResponse } from 'node:http';

/**
 * Up to this size a body is cheaper as text: node puts it into one buffer with the head, or with its chunk's frame, and writes that
 * in one system call without a buffer list. Larger ones are not worth the copy.
 */
const asTextMaxBytes = 8_192;

/** The whole body of an answer whose head says its length. */
export function endWith(outgoing: ServerResponse, bytes: Uint8Array): void {
  if (bytes.length > asTextMaxBytes) outgoing.end(bytes);
  else outgoing.end(toLatin1(bytes), 'latin1');
}

/**
 * The body of a stream after `writeHead`. It frames its chunks itself, one write for each, where node would make four of
 * them; for a client of HTTP/1.0, which knows no chunks, the bytes go as they are and the end of the connection ends them.
 */
export class StreamBody {
  readonly #outgoing: ServerResponse;
  readonly #isChunked: boolean;

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing;
    this.#isChunked = outgoing.chunkedEncoding;
    outgoing.chunkedEncoding = false;
  }

  /** False: the socket is full, wait for `drain`. */
  write(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    return this.#write(bytes, '');
  }

  end(bytes: Uint8Array): void {
    const lastChunk = this.#isChunked ? '0\r\n\r\n' : '';
    if (bytes.length > 0) this.#write(bytes, lastChunk);
    else if (lastChunk !== '') this.#outgoing.write(lastChunk, 'latin1');
    this.#outgoing.end();
  }

  #write(bytes: Uint8Array, tail: string): boolean {
    const outgoing = this.#outgoing;
    if (!this.#isChunked) return outgoing.write(bytes);
    const size = bytes.length.toString(16);
    if (bytes.length <= asTextMaxBytes) return outgoing.write(`${size}\r\n${toLatin1(bytes)}\r\n${tail}`, 'latin1');
    outgoing.write(`${size}\r\n`, 'latin1');
    outgoing.write(bytes);
    return outgoing.write(`\r\n${tail}`, 'latin1');
  }
}

/** One character for each byte, so that `latin1` gives the bytes back. */
function toLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
