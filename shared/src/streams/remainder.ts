import { ClusterError } from '../errors/cluster-error.ts';

/** Longest line or event taken from an engine; one image or a long answer in one line fits. */
export const maxFrameBytes = 8 * 1024 * 1024;

/**
 * The begun but unfinished line or event at the end of a stream's chunks. Pieces are copied when held, since a chunk belongs
 * to the socket, and joined only when the line ends, so a line in many chunks costs one copy of each.
 */
export class Remainder {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number = maxFrameBytes) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws `engine-failed` beyond the bound. */
  hold(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#bytes += piece.length;
    if (this.#bytes > this.#maxBytes) {
      this.#pieces = [];
      throw new ClusterError('engine-failed', `the stream has a line of more than ${this.#maxBytes} bytes`);
    }
    this.#pieces.push(Uint8Array.prototype.slice.call(piece));
  }

  /** What was held, followed by `chunk`; nothing is held afterwards. */
  joinedWith(chunk: Uint8Array): Buffer {
    if (this.#pieces.length === 0) return toBuffer(chunk);
    const joined = Buffer.concat([...this.#pieces, chunk], this.#bytes + chunk.length);
    this.#pieces = [];
    this.#bytes = 0;
    return joined;
  }
}

/** The same memory as a Buffer. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
