import type { IncomingMessage } from 'node:http';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Pulse } from '../pulse.ts';
import { createDecoder } from './body-decoder.ts';
import { BodyParts } from './body-parts.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** Most bytes of all bodies together that were begun and not released. */
  readonly heldBytes: number;
  /** Longest pause without a byte. */
  readonly timeoutMs: number;
}

/**
 * So much of each body is free: small requests go on while large ones fill the room, and the usual request is not counted at all. Open
 * connections are bounded, and so is their sum.
 */
const freeBytes = 65_536;

/**
 * Reads request bodies by data events, bounded in bytes and in silence. A body that announces more than the bound is
 * refused before a byte of it is read. A compressed one is unpacked; what counts is what comes out. Rejects with `bad-request` for one that is
 * damaged, with `body-too-large`, `request-timeout`, `client-gone`, or `overloaded` where the large
 * bodies in memory leave no room for this one. Whoever was given a body says with `release` that it is let go.
 */
export class BodyReader {
  readonly #limits: BodyLimits;
  readonly #pulse: Pulse;
  #held = 0;

  constructor(limits: BodyLimits, pulse: Pulse) {
    this.#limits = limits;
    this.#pulse = pulse;
  }

  /** Bytes of bodies in memory, without the free part of each. */
  get held(): number {
    return this.#held;
  }

  /** A body of this length is in memory no longer. */
  release(length: number): void {
    if (length > freeBytes) this.#held -= length - freeBytes;
  }

  read(incoming: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const { maxBytes, heldBytes, timeoutMs } = this.#limits;
      const pulse = this.#pulse;
      const announced = incoming.headers['content-length'];
      if (announced !== undefined && Number(announced) > maxBytes) {
        reject(tooLarge(maxBytes));
        return;
      }
      if (announced !== undefined && this.#held + Number(announced) - freeBytes > heldBytes) {
        reject(noRoom(heldBytes));
        return;
      }
      const decoder = createDecoder(incoming.headers['content-encoding']);
      const length = decoder === undefined ? Number(announced ?? 0) : 0;
      const parts = new BodyParts(length > freeBytes ? length : 0);
      let bytes = 0;
      let lastBeat = pulse.beats;
      let isSettled = false;
      // The listeners die with the request: taking them off each time would cost more than they do.
      const settle = (error?: ClusterError): void => {
        if (isSettled) return;
        isSettled = true;
        pulse.leave(watched);
        if (error === undefined) {
          resolve(parts.join());
        } else {
          if (decoder !== undefined) incoming.unpipe(decoder.destroy());
          parts.clear();
          this.release(bytes);
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
      const source = decoder === undefined ? incoming : incoming.pipe(decoder);
      source.on('data', (chunk: Buffer) => {
        if (isSettled) return;
        this.release(bytes);
        bytes += chunk.length;
        if (bytes > freeBytes) this.#held += bytes - freeBytes;
        lastBeat = pulse.beats;
        if (bytes > maxBytes) settle(tooLarge(maxBytes));
        else if (this.#held > heldBytes) settle(noRoom(heldBytes));
        else parts.add(chunk);
      });
      source.on('end', () => settle());
      decoder?.on('error', (cause) => settle(damaged(cause)));
      incoming.on('close', () => {
        // A decoder has something to do still when all has come.
        if (!isSettled && !incoming.complete)
          settle(new ClusterError('client-gone', 'the client left while it sent the request'));
      });
    });
  }
}

function tooLarge(maxBytes: number): ClusterError {
  return new ClusterError('body-too-large', `the request body is larger than ${maxBytes} bytes (limits.maxBodyBytes)`);
}

function damaged(cause: Error): ClusterError {
  return new ClusterError('bad-request', `the compressed request body is damaged: ${cause.message}`, { cause });
}

function noRoom(heldBytes: number): ClusterError {
  return new ClusterError(
    'overloaded',
    `the large requests that are being answered leave no room for this one (limits.heldBytes: ${heldBytes} bytes)`,
    { details: { retryAfterMs: 1_000 } },
  );
}

function silence(timeoutMs: number): string {
  return `no byte of the request body came for ${timeoutMs / 1_000} s (server.readTimeout)`;
}
