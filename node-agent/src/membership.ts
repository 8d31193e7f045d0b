import type { JoinToken } from '@waggle/shared/cluster/join-token.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { connectNode } from './link/connect-node.ts';
import { describeProblem } from './link/describe-problem.ts';
import type { LogSource } from './link/log-sender.ts';
import type { LinkStatus, NodeLink } from './link/node-link.ts';

export interface MembershipDeps {
  readonly node: NodeHost;
  readonly token: JoinToken | undefined;
  /** The name is the machine's, not somebody's choice: another one may be taken where it is in use. */
  readonly mayRename: boolean;
  readonly logger: Logger;
  /** What the orchestrator is to have of the node's log; absent: nothing. */
  readonly logs?: LogSource | undefined;
  /** Told the cluster's id whenever the node has joined. */
  readonly joined?: (clusterId: string) => void;
  readonly clock: Clock;
  readonly print: (text: string) => void;
  /** The gRPC link unless told. */
  readonly connect?: typeof connectNode;
}

const mostNames = 9;

/** The node's place in one cluster at a time, and what its operator is told of it. */
export class ClusterMembership {
  readonly #deps: MembershipDeps;
  #link: NodeLink | undefined;
  #unsubscribe = () => {};
  #orchestrator = '';
  #nameNumber = 1;
  #shown = '';
  /** It was said why it is not in the cluster, or it was. */
  #hasFailed = false;

  constructor(deps: MembershipDeps) {
    this.#deps = deps;
  }

  get isJoined(): boolean {
    return this.#link?.status.state === 'joined';
  }

  get state(): { readonly state: string; readonly message?: string } {
    const status = this.#link?.status;
    if (status === undefined) return { state: 'waiting', message: 'not invited yet' };
    return 'message' in status ? { state: status.state, message: status.message } : { state: status.state };
  }

  /** Leaves whatever it tried before. */
  join(orchestrator: string): void {
    this.#leave();
    this.#orchestrator = orchestrator;
    const { token, logger, logs, clock, connect = connectNode } = this.#deps;
    const link = connect(this.#namedNode(), { orchestrator, token, logger, logs, clock });
    this.#link = link;
    this.#unsubscribe = link.subscribe((status) => this.#changed(status));
    this.#changed(link.status);
  }

  async drain(): Promise<void> {
    await this.#link?.drain();
  }

  close(): void {
    this.#leave();
  }

  #leave(): void {
    this.#unsubscribe();
    this.#link?.close();
    this.#link = undefined;
  }

  #namedNode(): NodeHost {
    const { node } = this.#deps;
    if (this.#nameNumber === 1) return node;
    const identity = { ...node.identity, name: `${node.identity.name}-${this.#nameNumber}` };
    return {
      identity,
      reports: node.reports,
      slots: node.slots,
      run: (job, body, output) => node.run(job, body, output),
      operate: (request, content, signal) => node.operate(request, content, signal),
      load: (command, signal) => node.load(command, signal),
      unload: (command) => node.unload(command),
    };
  }

  #changed(status: LinkStatus): void {
    const isTaken = status.state === 'refused' && status.reason === 'same-name';
    if (isTaken && this.#deps.mayRename && this.#nameNumber < mostNames) {
      this.#nameNumber++;
      // Not from inside the link's own call.
      queueMicrotask(() => this.join(this.#orchestrator));
      return;
    }
    if (status.state === 'joined') this.#deps.joined?.(status.clusterId);
    const words = this.#describe(status);
    if (words === undefined || words === this.#shown) return;
    this.#shown = words;
    this.#hasFailed = status.state !== 'connecting' || status.problem !== undefined;
    this.#deps.print(`${words}\n`);
  }

  #describe(status: LinkStatus): string | undefined {
    const where = this.#orchestrator;
    switch (status.state) {
      case 'joined':
        return `Joined the cluster at ${where} as ${this.#namedNode().identity.name}.`;
      case 'refused':
        return `The orchestrator at ${where} refuses this node: ${toSentence(status.message)} Trying again.`;
      case 'lost':
        return `Lost the orchestrator at ${where}: ${status.message}. Trying again.`;
      case 'connecting':
        if (this.#shown === '') return `Joining the cluster at ${where} …`;
        // Once: afterwards the words for a lost orchestrator have said that it is tried again.
        if (status.problem === undefined || this.#hasFailed) return undefined;
        return `Cannot reach an orchestrator at ${where} yet: ${describeProblem(status.problem)}. Trying again; it must be the address it prints for agents (port 50051 unless told), not the one of clients.`;
      case 'closed':
        return undefined;
    }
  }
}

function toSentence(words: string): string {
  return words.endsWith('.') ? words : `${words}.`;
}
