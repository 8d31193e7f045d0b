/** Once this share of an announced body is there, room for all of it is taken: never much more than a client really sent. */
const shareBeforeRoom = 1 / 8;

/**
 * The parts of a body as they come. A large one of announced length is put together while it comes: fifty megabytes copied in one go
 * keep everybody else waiting, and would be in memory twice.
 */
export class BodyParts {
  readonly #announced: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #whole: Buffer | undefined;

  /** `announced`: 0 where the length is not known before the end, or small. */
  constructor(announced: number) {
    this.#announced = announced;
  }

  add(part: Buffer): void {
    const start = this.#bytes;
    this.#bytes += part.length;
    if (this.#whole !== undefined) {
      part.copy(this.#whole, start);
      return;
    }
    this.#parts.push(part);
    if (this.#announced === 0 || this.#bytes < this.#announced * shareBeforeRoom) return;
    this.#whole = Buffer.allocUnsafeSlow(this.#announced);
    let at = 0;
    for (const each of this.#parts) at += each.copy(this.#whole, at);
    this.#parts = [];
  }

  /** Everything that came. */
  join(): Buffer {
    if (this.#whole !== undefined) return this.#whole.subarray(0, this.#bytes);
    const [only] = this.#parts;
    return this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts, this.#bytes);
  }

  clear(): void {
    this.#parts = [];
    this.#whole = undefined;
  }
}
