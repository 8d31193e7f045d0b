import { isUnspecifiedHost, joinHostPort } from '@waggle/shared/addresses/hosts.ts';
import type { EngineReport, NodeIdentity } from '@waggle/shared/cluster/node.ts';
import type { AgentConfig } from './config/agent-config.ts';
import type { Finding } from './discovery/engine-discovery.ts';

export interface StartFacts {
  readonly config: AgentConfig;
  readonly identity: NodeIdentity;
  readonly folder: string;
  readonly host: string;
  readonly port: number;
}

/** What a person reads when the agent is up. */
export function toStartLines({ config, identity, folder, host, port }: StartFacts): string {
  const address = joinHostPort(isUnspecifiedHost(host) ? '127.0.0.1' : host, port);
  const wanted = config.port.number;
  const isOther = wanted !== 0 && wanted !== port;
  const lines = [
    `Waggle agent ${identity.version}, node ${identity.name}`,
    row('health', `http://${address}/health`),
    row('data', folder),
    ...(isOther ? [row('note', `port ${wanted} is in use, so it is ${port}; --port PORT takes that one or none`)] : []),
    ...config.notices.map((notice) => row('note', notice)),
  ];
  if (config.orchestrator === undefined) lines.push(row('cluster', waitingWords(config, port)));
  return `${lines.join('\n')}\n`;
}

/** One line per engine, and for what was found in an engine's place. */
export function toEngineLines(
  engines: readonly EngineReport[],
  findings: readonly Finding[],
  isLooking: boolean,
): string {
  const lines = engines.map((engine) => row('engine', describe(engine)));
  for (const { url, what } of findings) lines.push(row('note', `${new URL(url).host} is left alone: ${what}`));
  if (engines.length === 0 && isLooking) {
    lines.push(row('engine', 'none yet: start Ollama, vLLM, llama-server or LM Studio, it is found within seconds'));
  }
  return `${lines.join('\n')}\n`;
}

function describe({ kind, version, url, health, problem, models }: EngineReport): string {
  const what = `${kind}${version === '' ? '' : ` ${version}`} at ${url}`;
  if (health !== 'up') return `${what} is down${problem === undefined ? '' : `: ${problem}`}`;
  if (models.some(({ scripted }) => scripted === true))
    return `${what}: no model yet; get one with: npm run waggle -- pull qwen3:0.6b`;
  const hot = models.filter((model) => model.state === 'hot').length;
  return `${what}: ${models.length} ${models.length === 1 ? 'model' : 'models'}, ${hot} loaded`;
}

function waitingWords({ token }: AgentConfig, port: number): string {
  return token === undefined
    ? 'none: waits to be invited from this machine; name it with --orchestrator HOST:PORT, or give --token to be invited from others'
    : `waits to be invited on port ${port} by the orchestrator that has this machine in its nodes`;
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(8)} ${text}`;
}
