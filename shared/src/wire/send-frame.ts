import type { Writable } from 'node:stream';

/** Resolves when the frame has left, or the stream is over: so one frame at a time waits to be sent. */
export function sendFrame(stream: Writable, frame: unknown): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('close', settle);
      resolve();
    };
    stream.on('close', settle);
    stream.write(frame, settle);
  });
}
