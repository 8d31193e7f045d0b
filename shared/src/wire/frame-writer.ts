/**
 * Writes one protobuf message into one buffer. The generated encoders collect numbers in arrays and copy twice; on the
 * frames of a lane, of which every delta is one, that costs more than all else this side of the socket.
 * The caller says beforehand how many bytes the message may take at most.
 */
export class FrameWriter {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(maxBytes: number) {
    this.#buffer = Buffer.allocUnsafe(maxBytes);
  }

  /** The message as a view of the buffer. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#position);
  }

  /** `tag` is field number × 8 + wire type, below 128. What is no natural number is written as one: a count of an engine's. */
  uint(tag: number, value: number): void {
    this.#buffer[this.#position++] = tag;
    this.#varint(value >= 0 ? Math.trunc(value) : 0);
  }

  flag(tag: number): void {
    this.#buffer[this.#position++] = tag;
    this.#buffer[this.#position++] = 1;
  }

  double(tag: number, value: number): void {
    this.#buffer[this.#position++] = tag;
    this.#position = this.#buffer.writeDoubleLE(value, this.#position);
  }

  string(tag: number, text: string): void {
    this.#buffer[this.#position++] = tag;
    if (text.length < shortText) {
      const written = this.#buffer.write(text, this.#position + 1, 'utf8');
      this.#buffer[this.#position] = written;
      this.#position += 1 + written;
      return;
    }
    this.#varint(Buffer.byteLength(text, 'utf8'));
    this.#position += this.#buffer.write(text, this.#position, 'utf8');
  }

  bytes(tag: number, bytes: Uint8Array): void {
    this.#buffer[this.#position++] = tag;
    this.#varint(bytes.byteLength);
    this.#buffer.set(bytes, this.#position);
    this.#position += bytes.byteLength;
  }

  /** Tag and length of bytes that follow this message. */
  bytesHead(tag: number, byteLength: number): void {
    this.#buffer[this.#position++] = tag;
    this.#varint(byteLength);
  }

  /** Begins a message of less than 128 bytes; give the result to `endShort`. */
  beginShort(tag: number): number {
    this.#buffer[this.#position++] = tag;
    return this.#position++;
  }

  endShort(start: number): void {
    this.#buffer[start] = this.#position - start - 1;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#buffer[this.#position++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#position++] = rest;
  }
}

/** Below this many UTF-16 units a text has less than 128 bytes, and its length one. */
const shortText = 42;

/** What `text` takes at most, with its tag and length. */
export function maxTextBytes(text: string): number {
  return text.length * 3 + 6;
}
