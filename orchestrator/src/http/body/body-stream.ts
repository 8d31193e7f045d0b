import type { IncomingMessage } from 'node:http';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { PassingContent } from '@waggle/shared/process/passing-content.ts';
import { AnswerQueue } from '@waggle/shared/streams/answer-queue.ts';
import type { Pulse } from '../pulse.ts';

/** What may wait in this process for a slow node, in bytes, for one body. */
const highWaterBytes = 256 * 1024;

export interface BodyStream extends AsyncIterable<Uint8Array> {
  /** Why it broke off; undefined while it has not. */
  readonly failure: ClusterError | undefined;
}

/**
 * A request's body of any length, read no faster than it is taken. A client that is waited for and sends nothing for `timeoutMs` fails it with
 * `request-timeout`, one that leaves with `client-gone`; the time in which the reader keeps the client waiting does not count. What comes
 * after the reader left is thrown away.
 */
export function streamBody(
  incoming: IncomingMessage,
  { timeoutMs, pulse }: { readonly timeoutMs: number; readonly pulse: Pulse },
): BodyStream {
  let failure: ClusterError | undefined;
  let lastBeat = pulse.beats;
  const passing = new PassingContent();
  const queue = new AnswerQueue<Uint8Array>({
    highWater: highWaterBytes,
    sizeOf: (chunk) => chunk.byteLength,
    onDrain: () => {
      lastBeat = pulse.beats;
      incoming.resume();
    },
    onReturn: () => {
      over();
      incoming.resume();
    },
  });
  const fail = (error: ClusterError) => {
    over();
    failure = error;
    queue.fail(error);
  };
  const watched = {
    seat: notSeated,
    beat: () => {
      if (incoming.isPaused() || pulse.elapsedMs(lastBeat) < timeoutMs) return;
      const seconds = timeoutMs / 1_000;
      fail(
        new ClusterError('request-timeout', `no byte of the request body came for ${seconds} s (server.readTimeout)`),
      );
    },
  };
  const over = () => pulse.leave(watched);
  pulse.join(watched);
  incoming.on('data', (chunk: Buffer) => {
    lastBeat = pulse.beats;
    passing.passed(chunk.byteLength);
    if (!queue.push(chunk)) incoming.pause();
  });
  incoming.on('end', () => {
    over();
    queue.end();
  });
  incoming.on('close', () => {
    // After the end it changes nothing.
    if (!incoming.complete) fail(new ClusterError('client-gone', 'the client left while it sent the request'));
  });
  return {
    get failure() {
      return failure;
    },
    [Symbol.asyncIterator]: () => queue[Symbol.asyncIterator](),
  };
}
