/**
 * A frame that ends with a payload which is not copied into it. grpc-js copies every message once more, behind its own five bytes;
 * of a message it uses no more than the length and `copy`, so this stands for a Buffer and saves the first copy and its
 * memory, which for large answers is what a lane costs most. A test holds grpc-js to it, in both directions.
 */
class JoinedFrame {
  readonly length: number;
  readonly #head: Buffer;
  readonly #payload: Uint8Array;

  constructor(head: Buffer, payload: Uint8Array) {
    this.#head = head;
    this.#payload = payload;
    this.length = head.length + payload.length;
  }

  get byteLength(): number {
    return this.length;
  }

  copy(target: Buffer, start: number): number {
    target.set(this.#head, start);
    target.set(this.#payload, start + this.#head.length);
    return this.length;
  }
}

/** Payloads below this are copied: that costs less than another object. */
export const joinedPayloadMinBytes = 4 * 1024;

/** One message of a head and a payload. To be given to grpc-js and to nobody else. */
export function joinFrame(head: Buffer, payload: Uint8Array): Buffer {
  return new JoinedFrame(head, payload) as unknown as Buffer;
}
