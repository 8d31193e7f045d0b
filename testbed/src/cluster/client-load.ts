import { Agent, request } from 'node:http';
import { type AnswerDialect, readAnswer } from './read-answer.ts';

/** What a client saw of one request, in the words of the promises. */
export type OutcomeKind =
  /** The whole answer, with its end, every word in its place. */
  | 'complete'
  /** An error status: nothing of the answer had been sent. */
  | 'refused'
  /** Some of the answer, then exactly one error in the client's dialect, then the end. */
  | 'error-event'
  /** Some of the answer, then neither an end nor an error. */
  | 'cut'
  /** The connection broke before anything was answered. */
  | 'lost'
  /** Words lost, doubled or moved, or something after the end. */
  | 'corrupt'
  /** The client left on purpose. */
  | 'left';

export interface Outcome {
  readonly kind: OutcomeKind;
  readonly status: number;
  readonly node: string;
  readonly attempts: number;
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number;
  readonly firstByteAt: number | undefined;
  readonly endedAt: number;
  /** What was wrong, for a reader. */
  readonly detail: string;
}

export interface LoadRequest {
  readonly path: string;
  readonly body: unknown;
  readonly dialect: AnswerDialect;
  /** The text of a complete answer; absent: any. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks once and says what came of it. `signal` makes the client leave. */
export function askOnce(url: string, asked: LoadRequest, options: AskOptions = {}): Promise<Outcome> {
  const startedAt = performance.now();
  const body = JSON.stringify(asked.body);
  return new Promise((resolve) => {
    let status = 0;
    let node = '';
    let attempts = 0;
    let firstByteAt: number | undefined;
    let text = '';
    const settle = (broken: string | undefined) => {
      const seen = judge(asked, { status, text, broken, left: options.signal?.aborted === true });
      resolve({ ...seen, status, node, attempts, startedAt, firstByteAt, endedAt: performance.now() });
    };
    const outgoing = request(
      `${url}${asked.path}`,
      {
        method: 'POST',
        ...(options.agent === undefined ? {} : { agent: options.agent }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...asked.headers },
      },
      (incoming) => {
        status = incoming.statusCode ?? 0;
        node = String(incoming.headers['x-waggle-node'] ?? '');
        attempts = Number(incoming.headers['x-waggle-attempts'] ?? 0);
        incoming.setEncoding('utf8');
        incoming.on('data', (chunk: string) => {
          firstByteAt ??= performance.now();
          text += chunk;
          options.onText?.(text);
        });
        incoming.on('error', (error) => settle(error.message));
        incoming.on('end', () => settle(undefined));
      },
    );
    outgoing.on('error', (error) => settle(error.message));
    outgoing.end(body);
  });
}

export interface AskOptions {
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
  /** Called with all that has come so far, whenever more has come. */
  readonly onText?: (text: string) => void;
}

function judge(
  asked: LoadRequest,
  seen: { status: number; text: string; broken: string | undefined; left: boolean },
): Pick<Outcome, 'kind' | 'detail'> {
  if (seen.left) return { kind: 'left', detail: '' };
  if (seen.status === 0) return { kind: 'lost', detail: seen.broken ?? 'no answer' };
  if (seen.status !== 200) return { kind: 'refused', detail: `${seen.status} ${seen.text.slice(0, 300)}` };
  const answer = readAnswer(asked.dialect, seen.text);
  if (answer.problem !== undefined) return { kind: 'corrupt', detail: answer.problem };
  if (asked.text !== undefined && !asked.text.startsWith(answer.text)) {
    return { kind: 'corrupt', detail: `said ${JSON.stringify(answer.text.slice(-200))}` };
  }
  if (answer.error !== undefined) return { kind: 'error-event', detail: answer.error };
  if (!answer.ended || seen.broken !== undefined) {
    return { kind: 'cut', detail: `${seen.broken ?? 'no end'} after ${answer.text.length} characters` };
  }
  if (asked.text !== undefined && answer.text !== asked.text) {
    return { kind: 'corrupt', detail: `ended after ${JSON.stringify(answer.text.slice(-200))}` };
  }
  return { kind: 'complete', detail: '' };
}

/** Clients that ask one thing after another until they are stopped. */
export class ClientLoad {
  readonly outcomes: Outcome[] = [];
  readonly #agent: Agent;
  readonly #url: string;
  readonly #next: (index: number) => LoadRequest;
  readonly #clients: Promise<void>[] = [];
  readonly #watchers: (() => void)[] = [];
  #asked = 0;
  #left: number;

  /** `next` is asked for each request; `total` is the most there are. */
  constructor(url: string, clients: number, next: (index: number) => LoadRequest, total = Number.POSITIVE_INFINITY) {
    this.#url = url;
    this.#next = next;
    this.#left = total;
    this.#agent = new Agent({ keepAlive: true, maxSockets: clients });
    for (let client = 0; client < clients; client++) this.#clients.push(this.#run());
  }

  /** Resolves when so many more requests have ended. */
  async more(count: number): Promise<void> {
    const wanted = this.outcomes.length + count;
    while (this.outcomes.length < wanted) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  /** Lets the requests that run end, and begins no others. */
  async stop(): Promise<readonly Outcome[]> {
    this.#left = 0;
    return this.finish();
  }

  /** Resolves when all of `total` are done. */
  async finish(): Promise<readonly Outcome[]> {
    await Promise.all(this.#clients);
    this.#agent.destroy();
    return this.outcomes;
  }

  async #run(): Promise<void> {
    while (this.#left > 0) {
      this.#left--;
      const outcome = await askOnce(this.#url, this.#next(this.#asked++), { agent: this.#agent });
      this.outcomes.push(outcome);
      for (const watcher of this.#watchers.splice(0)) watcher();
    }
  }
}

export type Tally = Readonly<Partial<Record<OutcomeKind, number>>>;

/** How many requests ended how; what did not happen is absent. */
export function tally(outcomes: readonly Outcome[]): Tally {
  const counts: Partial<Record<OutcomeKind, number>> = {};
  for (const { kind } of outcomes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** The words of what went wrong, for the message of a failed assertion. */
export function troubles(outcomes: readonly Outcome[]): string[] {
  return outcomes
    .filter(({ kind }) => kind !== 'complete' && kind !== 'left')
    .map(({ kind, node, attempts, detail }) => `${kind} at ${node || 'no node'} (${attempts} attempts): ${detail}`);
}
