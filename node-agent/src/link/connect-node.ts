import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import { Backoff } from './backoff.ts';
import type { LinkStatus, NodeLink, NodeLinkOptions } from './node-link.ts';
import { Session, type SessionEnd } from './session.ts';

/** Joins the cluster of an orchestrator and stays in it until `drain` or `close`. Does not throw; watch its status. */
export function connectNode(host: NodeHost, options: NodeLinkOptions): NodeLink {
  const link = new ReconnectingLink(host, options);
  link.connect();
  return link;
}

/** After a refusal that only a person can do something about. */
const refusedMs = 5_000;

class ReconnectingLink implements NodeLink {
  readonly #host: NodeHost;
  readonly #options: NodeLinkOptions;
  readonly #backoff: Backoff;
  readonly #listeners = new Set<(status: LinkStatus) => void>();
  readonly #closed = Promise.withResolvers<void>();
  #status: LinkStatus = { state: 'connecting' };
  #session: Session | undefined;
  #stopWaiting: () => void = () => {};
  #isEnding = false;

  constructor(host: NodeHost, options: NodeLinkOptions) {
    this.#host = host;
    this.#options = options;
    this.#backoff = new Backoff(options.random ?? Math.random);
  }

  get status(): LinkStatus {
    return this.#status;
  }

  subscribe(listener: (status: LinkStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  connect(): void {
    this.#session = new Session(this.#host, this.#options, {
      joined: (status) => {
        this.#backoff.reset();
        this.#options.logger.info('cluster-joined', { orchestrator: this.#options.orchestrator, ...status });
        this.#set(status);
      },
      ended: (end) => this.#ended(end),
    });
  }

  drain(): Promise<void> {
    this.#isEnding = true;
    if (this.#session === undefined) this.#close();
    else this.#session.drain();
    return this.#closed.promise;
  }

  close(): void {
    this.#isEnding = true;
    if (this.#session === undefined) this.#close();
    else this.#session.close();
  }

  #ended(end: SessionEnd): void {
    this.#session = undefined;
    if (this.#isEnding || end.type === 'left') {
      this.#close();
      return;
    }
    if (end.type === 'refused') {
      const { reason, message } = end.refusal;
      this.#tell('warn', 'cluster-refused', { state: 'refused', reason, message });
      this.#connectAfter(reason === 'shutting-down' ? this.#backoff.next() : refusedMs);
      return;
    }
    const { message } = end;
    if (this.#status.state === 'joined') this.#tell('warn', 'cluster-lost', { state: 'lost', message });
    this.#tell('debug', 'cluster-unreachable', { state: 'connecting', problem: message });
    this.#connectAfter(this.#backoff.next());
  }

  #connectAfter(waitMs: number): void {
    if (this.#isEnding) return; // a listener of the status closed the link
    this.#stopWaiting = this.#options.clock.schedule(waitMs, () => this.connect());
  }

  #close(): void {
    if (this.#status.state === 'closed') return;
    this.#stopWaiting();
    this.#set({ state: 'closed' });
    this.#closed.resolve();
  }

  #tell(level: 'warn' | 'debug', event: string, status: LinkStatus): void {
    if (isSame(status, this.#status)) return;
    this.#options.logger[level](event, { orchestrator: this.#options.orchestrator, ...status });
    this.#set(status);
  }

  #set(status: LinkStatus): void {
    this.#status = status;
    for (const listener of [...this.#listeners]) listener(status);
  }
}

/** Messages name ports that differ from try to try: the same refusal again is nothing new. */
function isSame(one: LinkStatus, other: LinkStatus): boolean {
  if (one.state === 'refused' && other.state === 'refused') return one.reason === other.reason;
  return JSON.stringify(one) === JSON.stringify(other);
}
