import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { WaggleProcess } from './waggle-process.ts';

export interface AgentOptions {
  readonly name: string;
  /** As LLAMA_BASE_URL: `…/v1` is OpenAI-compatible, else Ollama. Absent: it looks for engines, and runs models itself. */
  readonly engineUrl?: string;
  readonly slots?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Its data folder; one of the cluster's own unless told. */
  readonly data?: string;
}

export interface ProcessClusterOptions {
  readonly agents: readonly AgentOptions[];
  /** Text of the orchestrator's configuration file. */
  readonly config?: string;
  readonly orchestratorArgs?: readonly string[];
  readonly orchestratorEnv?: Readonly<Record<string, string>>;
  /** The orchestrator serves engines itself: those of its configuration and of its environment. */
  readonly local?: boolean;
  /** Nodes to wait for; as many as there are agents unless told. */
  readonly nodes?: number;
}

/** What tests look at in a row of `/api/nodes`. */
export interface NodeRow {
  readonly name: string;
  readonly nodeId: string;
  readonly state: string;
  readonly joinedAt: string;
  readonly engines: readonly {
    readonly kind: string;
    readonly url: string;
    readonly health: string;
    readonly slots: number;
    readonly models: number;
    readonly lanes: { readonly idle: number; readonly bound: number; readonly draining: number };
  }[];
}

/** An orchestrator and its agents, each in a process of its own, on free ports, with data in a temporary folder. */
export class ProcessCluster implements AsyncDisposable {
  readonly url: string;
  readonly grpcAddress: string;
  /** The orchestrator's, which it follows. */
  readonly configFile: string;
  readonly orchestrator: WaggleProcess;
  readonly agents: ReadonlyMap<string, WaggleProcess>;
  readonly #folder: string;

  private constructor(parts: {
    url: string;
    grpcAddress: string;
    configFile: string;
    orchestrator: WaggleProcess;
    agents: ReadonlyMap<string, WaggleProcess>;
    folder: string;
  }) {
    this.url = parts.url;
    this.grpcAddress = parts.grpcAddress;
    this.configFile = parts.configFile;
    this.orchestrator = parts.orchestrator;
    this.agents = parts.agents;
    this.#folder = parts.folder;
  }

  static async start(options: ProcessClusterOptions): Promise<ProcessCluster> {
    const folder = await mkdtemp(path.join(tmpdir(), 'waggle-cluster-'));
    const port = await freePort();
    const grpcPort = await freePort();
    const configFile = path.join(folder, 'config.yaml');
    await writeFile(configFile, options.config ?? '{}\n');
    const orchestrator = new WaggleProcess({
      main: 'orchestrator/src/main.ts',
      args: [
        '--config',
        configFile,
        '--port',
        String(port),
        '--grpc-port',
        String(grpcPort),
        '--data',
        path.join(folder, 'orchestrator'),
        ...(options.local === true ? [] : ['--no-local']),
        ...(options.orchestratorArgs ?? []),
      ],
      ...(options.orchestratorEnv === undefined ? {} : { env: options.orchestratorEnv }),
    });
    const grpcAddress = `127.0.0.1:${grpcPort}`;
    const agents = new Map<string, WaggleProcess>();
    for (const agent of options.agents) agents.set(agent.name, await toAgent(agent, grpcAddress, folder));
    const url = `http://127.0.0.1:${port}`;
    const cluster = new ProcessCluster({ url, grpcAddress, configFile, orchestrator, agents, folder });
    orchestrator.start();
    for (const agent of agents.values()) agent.start();
    try {
      await cluster.ready(options.nodes ?? options.agents.length);
    } catch (thrown) {
      const output = [orchestrator, ...agents.values()].map((process) => process.output).join('\n---\n');
      await cluster[Symbol.asyncDispose]();
      throw new Error(`the cluster did not come up:\n${output}`, { cause: thrown });
    }
    return cluster;
  }

  agent(name: string): WaggleProcess {
    const agent = this.agents.get(name);
    if (agent === undefined) throw new Error(`no agent ${name}`);
    return agent;
  }

  /** Resolves once `count` nodes are active and each has an engine with a model. */
  async ready(count: number): Promise<void> {
    await until(async () => (await this.nodes()).filter(isServing).length >= count);
  }

  /** Resolves once the node is active and has an engine with a model. */
  async serving(name: string): Promise<void> {
    await until(async () => (await this.nodes()).some((node) => node.name === name && isServing(node)));
  }

  async nodes(): Promise<readonly NodeRow[]> {
    return (await this.get<{ nodes: NodeRow[] }>('/api/nodes')).nodes;
  }

  /** The node's row; undefined where there is none of that name. */
  async node(name: string): Promise<NodeRow | undefined> {
    return (await this.nodes()).find((node) => node.name === name);
  }

  /** A JSON answer of the orchestrator; throws for any other status than 200. */
  async get<T>(route: string): Promise<T> {
    const response = await fetch(`${this.url}${route}`);
    if (response.status !== 200) throw new Error(`${route}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.agents.values(), this.orchestrator].map((process) => process.kill()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function isServing(node: NodeRow): boolean {
  return node.state === 'active' && node.engines.some((engine) => engine.health === 'up' && engine.models > 0);
}

async function toAgent(agent: AgentOptions, grpcAddress: string, folder: string): Promise<WaggleProcess> {
  return new WaggleProcess({
    main: 'node-agent/src/main.ts',
    args: [
      '--orchestrator',
      grpcAddress,
      '--name',
      agent.name,
      '--data',
      agent.data ?? path.join(folder, agent.name),
      '--port',
      String(await freePort()),
    ],
    env: {
      ...(agent.engineUrl === undefined ? {} : { LLAMA_BASE_URL: agent.engineUrl }),
      ...(agent.slots === undefined ? {} : { QUEUE_CONCURRENCY: String(agent.slots) }),
      ...agent.env,
    },
  });
}

/** Polls a condition of another process; what throws counts as not yet. */
export async function until(condition: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
    }
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
