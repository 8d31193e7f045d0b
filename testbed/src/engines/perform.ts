import type { OutgoingHttpHeaders } from 'node:http';
import { breakStream, breakWhole, type WholeAnswer } from './break-answer.ts';
import type { Turn } from './engine-core.ts';
import type { Exchange } from './exchange.ts';

/** A streamed answer in the words of a dialect: framed texts, ready to be written. */
export interface Performance {
  readonly headers: OutgoingHttpHeaders;
  /** Written before the first delta; may be empty. */
  readonly opening: string;
  /** May be Infinity. */
  readonly deltas: number;
  delta(index: number): string;
  /** Everything after the last delta; asked for when the answer's time is known. */
  closing(): string;
  /** A framed delta that is no JSON. */
  readonly broken: string;
  errorEvent(message: string): string;
}

export interface PerformOptions {
  /** Deltas that go out in one write where nothing makes them wait. */
  readonly deltasPerWrite: number;
  /** The answer is generated to its end for a client that left. */
  readonly playsOn: boolean;
}

/** Writes a streamed answer at the model's pace, obeys the request's fault, and gives the slot back. */
export async function perform(
  exchange: Exchange,
  turn: Turn,
  script: Performance,
  options: PerformOptions,
): Promise<void> {
  const { fault } = exchange;
  const stops = fault !== undefined && 'afterDeltas' in fault ? fault : undefined;
  try {
    if (!exchange.begun) exchange.head(200, script.headers);
    if (script.opening !== '') exchange.write(script.opening);
    const last = Math.min(script.deltas, stops?.afterDeltas ?? script.deltas);
    let sent = 0;
    if (fault?.held !== undefined) {
      sent = Math.min(last, fault.kind === 'malformed' ? fault.atDelta - 1 : last);
      await writeDeltas(exchange, turn, script, { from: 0, to: sent }, options);
      await fault.held(exchange.record.bodyText);
    }
    await writeDeltas(exchange, turn, script, { from: sent, to: last }, options);
    if (exchange.gone) return;
    if (stops !== undefined) {
      await breakStream(stops, exchange, script);
      return;
    }
  } finally {
    turn.end();
  }
  if (fault?.kind === 'malformed') exchange.finish('fault');
  exchange.end(script.closing());
}

async function writeDeltas(
  exchange: Exchange,
  turn: Turn,
  script: Performance,
  { from, to }: { readonly from: number; readonly to: number },
  options: PerformOptions,
): Promise<void> {
  const pace = turn.model.decodeMsPerToken;
  // What never ends is not played to its end for nobody.
  const goesOn = () => !exchange.gone || (options.playsOn && to !== Number.POSITIVE_INFINITY);
  let next = from;
  while (next < to && goesOn()) {
    const passed = performance.now() - turn.decodesSince;
    const due = pace > 0 ? Math.min(to, Math.floor(passed / pace) + 1) : to;
    if (due <= next) {
      await nap(exchange, next * pace - passed);
    } else {
      next = writeDue(exchange, script, next, due, options.deltasPerWrite);
      await exchange.drained();
    }
  }
}

/** Writes deltas until all that are due are out, or the client is behind; returns the next one. */
function writeDue(exchange: Exchange, script: Performance, from: number, due: number, perWrite: number): number {
  const { record, fault } = exchange;
  const brokenAt = fault?.kind === 'malformed' ? fault.atDelta - 1 : -1;
  let next = from;
  while (next < due) {
    let text = '';
    const end = Math.min(due, next + perWrite);
    for (; next < end; next++) text += next === brokenAt ? script.broken : script.delta(next);
    if (exchange.gone) continue;
    record.tokensSent = next;
    if (!exchange.write(text)) break;
  }
  return next;
}

/** Gives an unstreamed answer after the time of all its tokens. */
export async function performWhole(
  exchange: Exchange,
  turn: Turn,
  answer: WholeAnswer,
  options: PerformOptions,
): Promise<void> {
  const { tokens } = turn.answer;
  try {
    if (tokens === Number.POSITIVE_INFINITY) await exchange.sleep(tokens);
    else if (turn.model.decodeMsPerToken > 0) {
      await generateUnseen(exchange, turn.decodesSince + turn.model.decodeMsPerToken * tokens, options);
    }
    if (exchange.gone) return;
    if (exchange.fault !== undefined) {
      const broken = await breakWhole(exchange.fault, exchange, answer);
      if (broken) return;
    }
  } finally {
    turn.end();
  }
  exchange.record.tokensSent = tokens;
  exchange.send(200, answer.headers, answer.body(), answer.knownLength);
}

async function generateUnseen(exchange: Exchange, endsAt: number, options: PerformOptions): Promise<void> {
  for (let left = endsAt - performance.now(); left > 0; left = endsAt - performance.now()) {
    if (exchange.gone && !options.playsOn) return;
    await nap(exchange, left);
  }
}

/** Time that passes for a client that left is not cut short by its leaving. */
function nap(exchange: Exchange, ms: number): Promise<void> {
  const wholeMs = Math.max(1, Math.ceil(ms));
  if (!exchange.gone) return exchange.sleep(wholeMs);
  return new Promise((resolve) => {
    setTimeout(resolve, wholeMs);
  });
}
