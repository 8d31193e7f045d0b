import type { OutgoingHttpHeaders } from 'node:http';
import type { Exchange } from './exchange.ts';
import type { Fault } from './faults.ts';

/** An unstreamed answer in the words of a dialect. */
export interface WholeAnswer {
  readonly headers: OutgoingHttpHeaders;
  /** Characters up to which the length of the body is told. */
  readonly knownLength: number;
  body(): string;
  errorBody(message: string): string;
}

/** What Ollama says when its runner dies under a request. */
const RUNNER_DIED = 'an error was encountered while running the model: unexpected EOF';

/** Ends a stream as the fault says, in place of all that would follow. */
export async function breakStream(
  fault: Extract<Fault, { readonly afterDeltas: number }>,
  exchange: Exchange,
  script: { errorEvent(message: string): string },
): Promise<void> {
  switch (fault.kind) {
    case 'cut':
      exchange.breakOff(fault.reset === true);
      return;
    case 'silent-end':
      exchange.finish('fault');
      exchange.end();
      return;
    case 'error-event':
      exchange.finish('fault');
      exchange.end(script.errorEvent(fault.message ?? RUNNER_DIED));
      return;
    case 'stall':
      exchange.flushHead();
      await exchange.sleep(Number.POSITIVE_INFINITY);
  }
}

/** Breaks an unstreamed answer half-way; false: this fault does not concern it. */
export async function breakWhole(fault: Fault, exchange: Exchange, answer: WholeAnswer): Promise<boolean> {
  const body = answer.body();
  const half = body.slice(0, Math.floor(body.length / 2));
  switch (fault.kind) {
    case 'cut':
    case 'stall':
      exchange.head(200, { ...answer.headers, 'content-length': Buffer.byteLength(body) });
      exchange.write(half);
      if (fault.kind === 'cut') exchange.breakOff(fault.reset === true);
      else await exchange.sleep(Number.POSITIVE_INFINITY);
      return true;
    case 'malformed':
      exchange.finish('fault');
      exchange.send(200, answer.headers, half);
      return true;
    case 'silent-end':
      exchange.finish('fault');
      exchange.send(200, answer.headers, '');
      return true;
    case 'error-event':
      exchange.finish('fault');
      exchange.send(500, answer.headers, answer.errorBody(fault.message ?? RUNNER_DIED));
      return true;
    case 'status':
    case 'hang':
    case 'slow-headers':
      return false;
  }
}
