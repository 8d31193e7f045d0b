import type { IncomingMessage } from 'node:http';
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
      const watched = {
        beat: (): void => {
          if (pulse.elapsedMs(lastBeat) > timeoutMs) settle(new ClusterError('request-timeout', silence(timeoutMs)));
        },
      };
      const settle = (error?: ClusterError): void => {
        pulse.leave(watched);
        incoming.off('data', take);
        incoming.off('end', ended);
        incoming.off('close', closed);
        if (error !== undefined) {
          incoming.pause();
          reject(error);
        } else {
          const [only] = chunks;
          resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytes));
        }
      };
      const take = (chunk: Buffer): void => {
        bytes += chunk.length;
        lastBeat = pulse.beats;
        if (bytes > maxBytes) settle(tooLarge(maxBytes));
        else chunks.push(chunk);
      };
      const ended = (): void => settle();
      const closed = (): void => settle(new ClusterError('client-gone', 'the client left while it sent the request'));
      pulse.join(watched);
      incoming.on('data', take);
      incoming.on('end', ended);
      incoming.on('close', closed);
    });
  }
}

function tooLarge(maxBytes: number): ClusterError {
  return new ClusterError('body-too-large', `the request body is larger than ${maxBytes} bytes (limits.maxBodyBytes)`);
}

function silence(timeoutMs: number): string {
  return `no byte of the request body came for ${timeoutMs / 1_000} s (server.readTimeout)`;
}
