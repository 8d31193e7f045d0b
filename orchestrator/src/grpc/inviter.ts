import { isDeepStrictEqual } from 'node:util';
import { makeInvitation } from '@waggle/shared/cluster/invitation.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { GivenFacts } from '../cluster/cluster-node.ts';
import type { ExpectedNode, ExpectedNodes } from '../cluster/expected-nodes.ts';

/** An agent the configuration names by its HTTP port. */
export interface InvitedAgent {
  readonly name: string;
  readonly givenName: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Why it cannot join as things are; it is not even asked then. */
  readonly notice: string | undefined;
}

export interface InviterDeps {
  /** What the agents are to dial; `:PORT` means the address the invitation comes from. */
  readonly orchestrator: string;
  /** Of the join token; empty without one. */
  readonly secret: string;
  readonly isConnected: (nodeId: string) => boolean;
  readonly describe: (nodeId: string, given: GivenFacts) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const everyMs = 5_000;
const answerMaxMs = 3_000;

/** Asks the agents of the configuration to join, again and again: they may start, or lose their orchestrator, at any time. */
export class Inviter implements ExpectedNodes {
  readonly #deps: InviterDeps;
  readonly #rows = new Map<InvitedAgent, ExpectedNode>();
  readonly #nodeIds = new Map<InvitedAgent, string>();
  #cancelTimer = (): void => {};
  /** Which list of agents the rounds are for; those for an older one end. */
  #list = 0;

  constructor(deps: InviterDeps) {
    this.#deps = deps;
  }

  get expected(): readonly ExpectedNode[] {
    return [...this.#rows.values()];
  }

  /** Some agent was not asked yet, or was and is not there yet. */
  get isInviting(): boolean {
    for (const [agent, { state, notice }] of this.#rows) {
      if ((state !== 'waiting' && state !== 'invited') || notice !== undefined) continue;
      const nodeId = this.#nodeIds.get(agent);
      if (nodeId === undefined || !this.#deps.isConnected(nodeId)) return true;
    }
    return false;
  }

  /** Invites these from now on, and nobody else. One that joined stays, whether it is among them or not. */
  follow(agents: readonly InvitedAgent[]): void {
    const known = new Map([...this.#rows.keys()].map((agent) => [toAddress(agent), agent]));
    const kept = agents.map((agent) => {
      const before = known.get(toAddress(agent));
      return isDeepStrictEqual(before, agent) && before !== undefined ? before : agent;
    });
    const all = new Set(kept);
    for (const agent of this.#rows.keys()) {
      if (all.has(agent)) continue;
      this.#rows.delete(agent);
      this.#nodeIds.delete(agent);
    }
    for (const agent of kept) if (!this.#rows.has(agent)) this.#note(agent, 'waiting', agent.notice);
    this.stop();
    const wanted = kept.filter((agent) => agent.notice === undefined);
    if (wanted.length > 0) void this.#round(wanted, this.#list);
  }

  stop(): void {
    this.#list++;
    this.#cancelTimer();
  }

  async #round(agents: readonly InvitedAgent[], list: number): Promise<void> {
    await Promise.all(agents.map((agent) => this.#invite(agent)));
    if (list === this.#list)
      this.#cancelTimer = this.#deps.clock.schedule(everyMs, () => void this.#round(agents, list));
  }

  async #invite(agent: InvitedAgent): Promise<void> {
    const { orchestrator, secret, isConnected, describe } = this.#deps;
    const url = `http://${agent.host.includes(':') ? `[${agent.host}]` : agent.host}:${agent.port}/invitation`;
    try {
      const asked = await fetch(url, { signal: AbortSignal.timeout(answerMaxMs) });
      const { nodeId, nonce } = (await asked.json()) as { nodeId?: unknown; nonce?: unknown };
      if (typeof nodeId !== 'string' || typeof nonce !== 'string') {
        this.#note(agent, 'refused', 'what answers there is no agent that waits to be invited');
        return;
      }
      // It is wanted no more, or as another.
      if (!this.#rows.has(agent)) return;
      this.#nodeIds.set(agent, nodeId);
      describe(nodeId, { name: agent.givenName, labels: agent.labels });
      if (isConnected(nodeId)) {
        this.#note(agent, 'joined', undefined);
        return;
      }
      const body = JSON.stringify(makeInvitation(orchestrator, nonce, secret));
      const answer = await fetch(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(answerMaxMs),
      });
      const { error } = (await answer.json()) as { error?: unknown };
      if (answer.ok) this.#note(agent, 'invited', undefined);
      else this.#note(agent, 'refused', typeof error === 'string' ? error : `it answered ${answer.status}`);
    } catch {
      this.#note(agent, 'unreachable', `nothing answers at ${url}; start the agent there`);
    }
  }

  #note(agent: InvitedAgent, state: ExpectedNode['state'], notice: string | undefined): void {
    const before = this.#rows.get(agent);
    if (before === undefined && state !== 'waiting') return;
    const address = toAddress(agent);
    this.#rows.set(agent, { name: agent.name, address, state, ...(notice === undefined ? {} : { notice }) });
    if (before === undefined || before.state === state) return;
    this.#deps.logger.info('agent-invited', { name: agent.name, address, state, notice });
  }
}

function toAddress({ host, port }: InvitedAgent): string {
  return `${host}:${port}`;
}
