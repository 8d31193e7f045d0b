import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { toModelKey } from '../cluster/model-names.ts';

/**
 * Who makes a model of a name now. Two who make one at the same time do it one after the other, so that every node ends with the same one: that
 * of the last.
 */
export class ModelTurns {
  readonly #last = new Map<string, Promise<void>>();

  /** Begins a turn; what is returned ends it. Rejects when `signal` aborts while it waits. */
  async take(model: string, signal: AbortSignal): Promise<() => void> {
    const key = toModelKey(model);
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#last.get(key);
    const mine = before === undefined ? promise : before.then(() => promise);
    this.#last.set(key, mine);
    void mine.then(() => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    });
    try {
      if (before !== undefined) await unlessAborted(before, signal);
    } catch (thrown) {
      resolve();
      throw thrown;
    }
    return resolve;
  }
}

function unlessAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      reject(new ClusterError('client-gone', 'the client left while it waited for its turn', { cause: signal.reason }));
    };
    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    void turn.then(() => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    });
  });
}
