import type { IncomingMessage } from 'node:http';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Pulse } from '../pulse.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** Longest pause without a byte. */
  readonly timeoutMs: number;
}

/**
 * Reads request bodies by data events, bounded in bytes and in silence. A body that announces more than the bound is
 * refused before a byte of it is read. Rejects with `body-too-large`, `request-timeout` or `client-gone`.
 */
export class BodyReader {
  readonly #limits: BodyLimits;
  readonly #pulse: Pulse;

  constructor(limits: BodyLimits, pulse: Pulse) {
    this.#limits = limits;
    this.#pulse = pulse;
  }

  read(incoming: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const { maxBytes, timeoutMs } = this.#limits;
      const pulse = this.#pulse;
      const announced = incoming.headers['content-length'];
      if (announced !== undefined && Number(announced) > maxBytes) {
        reject(tooLarge(maxBytes));
        return;
      }
      const chunks: Buffer[] = [];
      let bytes = 0;
      let lastBeat = pulse.beats;
      let isSettled = false;
      // The listeners die with the request: taking them off each time would cost more than they do.
      const settle = (error?: ClusterError): void => {
        if (isSettled) return;
        isSettled = true;
        pulse.leave(watched);
        if (error === undefined) {
          const [only] = chunks;
          resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytes));
        } else {
          chunks.length = 0;
          reject(error);
        }
      };
      const watched = {
        seat: notSeated,
        beat: (): void => {
          if (pulse.elapsedMs(lastBeat) >= timeoutMs) settle(new ClusterError('request-timeout', silence(timeoutMs)));
        },
      };
      pulse.join(watched);
      incoming.on('data', (chunk: Buffer) => {
        if (isSettled) return;
        bytes += chunk.length;
        lastBeat = pulse.beats;
        if (bytes > maxBytes) settle(tooLarge(maxBytes));
        else chunks.push(chunk);
      });
      incoming.on('end', () => settle());
      incoming.on('close', () => {
        if (!isSettled) settle(new ClusterError('client-gone', 'the client left while it sent the request'));
      });
    });
  }
}

function tooLarge(maxBytes: number): ClusterError {
  return new ClusterError('body-too-large', `the request body is larger than ${maxBytes} bytes (limits.maxBodyBytes)`);
}

function silence(timeoutMs: number): string {
  return `no byte of the request body came for ${timeoutMs / 1_000} s (server.readTimeout)`;
}
