import type { ServerResponse } from 'node:http';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import { type PatienceOptions, ReaderPatience } from './inference/reader-patience.ts';
import type { Watched } from './pulse.ts';

/** Cuts off a client that takes no byte for `writeTimeoutMs` of an answer that somebody else writes: the progress of a pull, a long list. */
export function watchReader(outgoing: ServerResponse, options: PatienceOptions): void {
  const watch = new ReaderWatch(outgoing, options);
  options.pulse.join(watch);
  outgoing.on('close', () => options.pulse.leave(watch));
}

class ReaderWatch implements Watched {
  seat = notSeated;
  readonly #outgoing: ServerResponse;
  readonly #patience: ReaderPatience;
  /** Bytes that waited at the last beat. */
  #waiting = 0;

  constructor(outgoing: ServerResponse, options: PatienceOptions) {
    this.#outgoing = outgoing;
    this.#patience = new ReaderPatience(options);
  }

  beat(): void {
    const { socket, writableLength } = this.#outgoing;
    // It went through, or somebody wrote more; behind another answer of the same connection the client cannot take this one yet.
    if (writableLength !== this.#waiting || socket === null) this.#patience.begin();
    else if (writableLength > 0) this.#patience.beat(socket, () => socket.resetAndDestroy());
    this.#waiting = writableLength;
  }
}
