import { randomInt } from 'node:crypto';

/** Numbers for the lanes of one link or server; a random start keeps those of several in one process apart. */
export class LaneIds {
  #last = randomInt(2 ** 31) * 2 ** 20;

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}
