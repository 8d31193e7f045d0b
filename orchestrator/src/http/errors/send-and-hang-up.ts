import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { PlainAnswer } from './plain-answer.ts';
import { toHeaderList } from './plain-answer.ts';

/** How long the rest of a refused body is read and thrown away. */
const lingerMs = 500;

/**
 * Answers a request whose body will not be read, and closes the connection. What the client still sends is thrown away
 * for a moment: closing a socket with unread bytes resets it, and the client would lose the answer.
 */
export function sendAndHangUp(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  {
    answer,
    headers,
    clock,
  }: { readonly answer: PlainAnswer; readonly headers: readonly string[]; readonly clock: Clock },
): void {
  outgoing.shouldKeepAlive = false;
  outgoing.writeHead(answer.status, toHeaderList(answer, headers));
  if (incoming.complete) {
    outgoing.end(answer.body);
    return;
  }
  outgoing.write(answer.body);
  const stop = clock.schedule(lingerMs, () => hangUp());
  const hangUp = (): void => {
    stop();
    incoming.off('end', hangUp);
    outgoing.end();
  };
  incoming.on('end', hangUp);
  outgoing.on('close', hangUp);
  incoming.resume();
}
