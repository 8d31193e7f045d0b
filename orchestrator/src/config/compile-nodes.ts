import { parseEngineUrl } from '@waggle/shared/addresses/engine-urls.ts';
import { isLoopbackHost, isUnspecifiedHost, joinHostPort, toDialledAddress } from '@waggle/shared/addresses/hosts.ts';
import type { Environment } from '@waggle/shared/process/variables.ts';
import type {
  ClusterConfig,
  EngineNodeConfig,
  LocalConfig,
  NodeConfig,
  NodeLabels,
  ServerConfig,
} from './compiled-config.ts';
import type { ConfigProblem } from './config-error.ts';
import { ENGINE_KINDS, type ParsedConfig } from './schema.ts';
import { type KeyPath, type Sources, showPath } from './sources.ts';

const AGENT_PORT = 3000;

type NodeEntry = ParsedConfig['nodes'][number];

export interface NodesContext {
  readonly server: ServerConfig;
  readonly cluster: ClusterConfig;
  readonly local: LocalConfig;
  readonly environment: Environment;
  readonly sources: Sources;
  readonly problems: ConfigProblem[];
  readonly notices: string[];
}

/** Nodes in the order of the file. What is wrong with them is added to `problems`. */
export function compileNodes(entries: readonly NodeEntry[], context: NodesContext): NodeConfig[] {
  const nodes: NodeConfig[] = [];
  const seen = new Map<string, string>();
  entries.forEach((entry, index) => {
    const path = ['nodes', index];
    const node = compileNode(entry, path, context);
    if (node === undefined) return;
    const address =
      node.kind === 'agent' ? `agent ${joinHostPort(node.host, node.port).toLowerCase()}` : node.url.toLowerCase();
    if (node.kind === 'engine' && isOwnName(node.name, context)) {
      const problem = `${showPath(path)} has the name of this machine's own node, ${ownNameAdvice}`;
      refuse(context, [...path, 'name'], problem, 'another name');
    }
    for (const [what, identity] of [
      ['name', `name ${node.name.toLowerCase()}`],
      ['address', address],
    ] as const) {
      const earlier = seen.get(identity);
      const shown = what === 'name' ? `the name "${node.name}"` : 'the same address';
      if (earlier === undefined) seen.set(identity, showPath(path));
      else refuse(context, path, `${showPath(path)} has ${shown} as ${earlier}`, `another ${what}`);
    }
    nodes.push(node);
  });
  noteUnreachableAgents(nodes, context);
  return nodes;
}

function compileNode(entry: NodeEntry, path: KeyPath, context: NodesContext): NodeConfig | undefined {
  const isEngine = entry.engine !== undefined || entry.url !== undefined || entry.apiKeyEnv !== undefined;
  const mixed = isEngine
    ? (['host', 'port'] as const).filter((key) => entry[key] !== undefined)
    : (['slots'] as const).filter((key) => entry[key] !== undefined);
  for (const key of mixed) {
    const why = isEngine ? 'does not go with engine and url' : 'goes with engine and url only; an agent counts its own';
    refuse(context, [...path, key], `${showPath([...path, key])} ${why}`, 'no such key here');
  }
  return isEngine ? compileEngine(entry, path, context) : compileAgent(entry, path, context);
}

function compileAgent(entry: NodeEntry, path: KeyPath, context: NodesContext): NodeConfig | undefined {
  const { host, port = AGENT_PORT } = entry;
  if (host === undefined) {
    const expected = 'host (and port) of an agent, or engine and url';
    refuse(context, path, `${showPath(path)} needs ${expected}`, expected);
    return undefined;
  }
  const name = entry.name ?? toName(joinHostPort(host, port));
  const agent = { kind: 'agent', name, givenName: entry.name, host, port, labels: toLabels(entry) } as const;
  if (isUnreachable(agent, context)) {
    const mend = 'set cluster.host and cluster.joinToken, or start with --lan';
    return { ...agent, notice: `cannot join: the gRPC port is open to this machine only; ${mend}` };
  }
  if (!isOwnName(name, context)) return { ...agent, notice: undefined };
  const notice = `cannot join: it has the name of this machine's own node, ${ownNameAdvice}`;
  context.notices.push(`Agent ${name} ${notice}.`);
  return { ...agent, notice };
}

/** What a node calls itself does not count here: it takes another name where its own is in use. */
function isOwnName(name: string, { local }: NodesContext): boolean {
  return local.enabled && name === local.name;
}
const ownNameAdvice = "which serves this machine's engines: give it another, or start with --no-local";

/** Agents on other machines beside a gRPC port that is open to this one only. */
function isUnreachable({ host }: { readonly host: string }, { cluster }: NodesContext): boolean {
  return cluster.isLoopback && !isLoopbackHost(host);
}

function compileEngine(entry: NodeEntry, path: KeyPath, context: NodesContext): EngineNodeConfig | undefined {
  const missing = (['engine', 'url'] as const).filter((key) => entry[key] === undefined);
  const { url, apiKeyEnv } = entry;
  if (url === undefined || missing.length > 0) {
    const expected = missing.join(' and ');
    refuse(context, path, `${showPath(path)} needs ${expected} to use an engine without an agent`, expected);
    return undefined;
  }
  const parsed = parseEngineUrl(url, entry.engine && ENGINE_KINDS[entry.engine]);
  if (!parsed.ok) {
    refuse(context, [...path, 'url'], `${showPath([...path, 'url'])} ${parsed.problem}`, 'an http address');
    return undefined;
  }
  if (isOwnAddress(parsed.url, context.server)) {
    refuse(
      context,
      [...path, 'url'],
      `${showPath([...path, 'url'])} is Waggle's own address`,
      'the address of an engine',
    );
    return undefined;
  }
  const name = entry.name ?? toName(new URL(parsed.url).host);
  const apiKey = apiKeyEnv === undefined ? undefined : context.environment[apiKeyEnv]?.trim() || undefined;
  if (apiKeyEnv !== undefined && apiKey === undefined) {
    context.notices.push(`Node ${name} is asked without an API key: the variable ${apiKeyEnv} is not set.`);
  }
  const { dialect, url: baseUrl } = parsed;
  return { kind: 'engine', name, dialect, url: baseUrl, apiKey, slots: entry.slots, labels: toLabels(entry) };
}

/** Whether a URL is the HTTP port this configuration is about to open. */
export function isOwnAddress(url: string, server: Pick<ServerConfig, 'host' | 'port'>): boolean {
  const { host, port } = toDialledAddress(new URL(url));
  if (server.port === 0 || port !== server.port) return false;
  if (host === server.host.toLowerCase()) return true;
  return isLoopbackHost(host) && (isLoopbackHost(server.host) || isUnspecifiedHost(server.host));
}

function noteUnreachableAgents(nodes: readonly NodeConfig[], context: NodesContext): void {
  const names = nodes.filter((node) => node.kind === 'agent' && isUnreachable(node, context)).map(({ name }) => name);
  if (names.length === 0) return;
  const who = names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
  context.notices.push(
    `Agents on other machines cannot join yet (${who}): the gRPC port is open to this machine only. ` +
      'Set cluster.host and cluster.joinToken, or start with --lan.',
  );
}

function toLabels({ type, platform, capabilities }: NodeEntry): NodeLabels {
  return { type, platform, capabilities };
}

function toName(address: string): string {
  return address
    .replace(/[^\w.-]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 64);
}

function refuse({ problems, sources }: NodesContext, path: KeyPath, problem: string, expected: string): void {
  problems.push({ key: showPath(path), source: sources.of(path).where, problem, expected });
}
