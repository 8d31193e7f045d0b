import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { createNode, type LocalNode } from './create-node.ts';
import { type AgentHttp, type AgentHttpOptions, listenAgentHttp } from './http/agent-http.ts';
import { Invitations } from './http/invitations.ts';
import { openAgentFolder } from './identity/agent-folder.ts';
import type { LogSource } from './link/log-sender.ts';
import { ClusterMembership } from './membership.ts';
import { toEngineLines, toStartLines } from './start-lines.ts';

export interface AgentDeps {
  readonly logger: Logger;
  /** What the orchestrator is to have of the log; absent: nothing. */
  readonly logs?: LogSource | undefined;
  readonly clock: Clock;
  /** Shows lines to the person who started the agent. */
  readonly print: (text: string) => void;
}

/** A running agent. */
export interface Agent {
  readonly node: LocalNode;
  readonly httpPort: number;
  /** Takes nothing new, lets what runs finish for as long as the configuration says, leaves, ends. */
  drain(): Promise<void>;
  /** Ends at once. */
  close(): Promise<void>;
}

/**
 * Starts everything of an agent: its folder, its engines, its HTTP port, its tie to the orchestrator.
 *
 * @throws UsageError in one sentence for what a person can mend
 */
export async function startAgent(config: AgentConfig, { logger, logs, clock, print }: AgentDeps): Promise<Agent> {
  const folder = openAgentFolder(config.data.folder, config.data.isChosen);
  const opened: (() => Promise<void>)[] = [async () => folder[Symbol.dispose]()];
  const closeAll = async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  };
  try {
    const { text, isChosen } = config.name;
    const name = folder.number > 1 && !isChosen ? `${text}-${folder.number}` : text;
    const { engines, settings, token, orchestrator } = config;
    const builtin = config.builtin ? { hub: config.hub } : undefined;
    const node = await createNode({ name, dataDir: folder.path, engines, builtin, settings, logger, clock });
    opened.push(() => node.close());
    const joined = (clusterId: string) => node.nameCluster(clusterId);
    const mayRename = !isChosen;
    const membership = new ClusterMembership({ node, token, mayRename, logger, logs, joined, clock, print });
    opened.push(async () => membership.close());
    const invitations =
      orchestrator === undefined
        ? new Invitations({
            token,
            clock,
            isWanted: () => !membership.isJoined,
            invited: (address) => membership.join(address),
          })
        : undefined;
    const state = {
      identity: node.identity,
      report: () => node.reports.current(),
      jobs: () => node.jobs(),
      link: () => membership.state,
    };
    // Where an invitation has to prove itself, it may come from anywhere.
    const host = config.host ?? (invitations !== undefined && token !== undefined ? '0.0.0.0' : '127.0.0.1');
    const http = await listen({ state, invitations }, host, config.port);
    opened.push(() => http.close());
    print(toStartLines({ config, identity: node.identity, folder: folder.path, host, port: http.port }));
    print(toEngineLines(node.reports.current().engines, node.findings, config.engines.kind === 'discover'));
    if (orchestrator !== undefined) membership.join(orchestrator);
    return {
      node,
      httpPort: http.port,
      async drain() {
        const { drainMaxMs } = config;
        const stopCutting = [
          clock.schedule(drainMaxMs, () => {
            logger.warn('drain-cut', { afterMs: drainMaxMs });
            node.cut('the node was told to end and could wait no longer for this to finish');
          }),
          clock.schedule(drainMaxMs + goodbyeMaxMs, () => membership.close()),
        ];
        await membership.drain();
        await node.drain();
        for (const stop of stopCutting) stop();
        await closeAll();
      },
      close: closeAll,
    };
  } catch (thrown) {
    await closeAll();
    throw thrown;
  }
}

/** For the last words to those whose jobs were cut. */
const goodbyeMaxMs = 2_000;

const portsToTry = 100;
/** Where an orchestrator on this machine listens for clients; an agent that finds its own port taken leaves it free. */
const clientPort = 3_001;

async function listen(
  options: AgentHttpOptions,
  host: string,
  { number, isChosen }: AgentConfig['port'],
): Promise<AgentHttp> {
  for (let port = number; ; port += port + 1 === clientPort ? 2 : 1) {
    try {
      return await listenAgentHttp(options, host, port);
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
      if (code === 'EADDRINUSE' && !isChosen && port < number + portsToTry) continue;
      if (code === 'EADDRINUSE')
        throw new UsageError(`Port ${port} is in use; name another with --port PORT.`, { cause });
      if (code === 'EACCES')
        throw new UsageError(`Port ${port} may not be used by this user; name another with --port PORT.`, { cause });
      if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EINVAL' || code === 'EAI_AGAIN') {
        throw new UsageError(`HOST=${host} is no address of this machine.`, { cause });
      }
      throw cause;
    }
  }
}
