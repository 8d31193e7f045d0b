// The configuration as the modules see it: frozen, complete, units in the names. Each module gets its slice.
import type { DialectName } from '@waggle/shared/chat/endpoints.ts';
import type { JoinToken } from '@waggle/shared/cluster/join-token.ts';
import type { LOG_LEVELS, ParsedConfig } from './schema.ts';
import type { SourceLookup } from './sources.ts';

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface ServerConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Empty, or with a leading and without a trailing slash. */
  readonly basePath: string;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
  readonly queueSize: number;
  /** Undefined: the sum of all slots. */
  readonly concurrency: number | undefined;
  readonly origins: readonly string[];
  readonly hosts: readonly string[];
  readonly remoteAdmin: boolean;
}

export interface ClusterConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly grpcPort: number;
  /** The gRPC port is reachable from this machine only. */
  readonly isLoopback: boolean;
  readonly joinToken: JoinToken | undefined;
  /** No token is given but one is needed: the one kept in the data folder counts. */
  readonly needsMadeToken: boolean;
  /** `HOST:PORT` agents are told to dial; undefined: found out from the machine's addresses. */
  readonly advertise: string | undefined;
}

export interface LimitsConfig {
  readonly maxBodyBytes: number;
  readonly heldBytes: number;
  readonly streamBufferBytes: number;
  readonly nodeBufferBytes: number;
  readonly jsonDepth: number;
  readonly jsonValues: number;
  readonly lanesPerNode: number;
  readonly nodes: number;
  readonly operationsPerNode: number;
  readonly recentRequests: number;
  readonly keptResponses: number;
  readonly keptResponseBytes: number;
  readonly firstEventMaxMs: number;
  readonly stallMaxMs: number;
  readonly modelLoadMaxMs: number;
}

export interface CacheConfig {
  /** 0: nothing is kept. */
  readonly maxBytes: number;
  readonly ttlMs: number;
  readonly seeded: boolean;
}

/** What is wanted of one model. */
export interface ModelConfig {
  /** How long it stays after its last use, at least; infinite: for ever; undefined: as its engine likes. */
  readonly keepAliveMs: number | undefined;
  /** On how many nodes it is kept loaded though nobody asked for it. */
  readonly preload: number;
  /** Names of the only nodes that serve it; undefined: all. */
  readonly nodes: readonly string[] | undefined;
  /** Deadline of requests that state none. */
  readonly timeoutMs: number | undefined;
  /** Tokens of context it is loaded with, unless a client asks for more. */
  readonly numCtx: number | undefined;
}

/** What somebody wrote about a node; measured facts win. */
export interface NodeLabels {
  readonly type: string | undefined;
  readonly platform: string | undefined;
  readonly capabilities: readonly string[];
}

/** An agent that waits to be invited at its HTTP port. */
export interface AgentNodeConfig {
  readonly kind: 'agent';
  readonly name: string;
  /** The name its entry gives it; without one the node goes by its own. */
  readonly givenName: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly labels: NodeLabels;
  /** Why the agent cannot join as things are, for the node's row; undefined when it can. */
  readonly notice: string | undefined;
}

/** An engine without an agent, served from this process. */
export interface EngineNodeConfig {
  readonly kind: 'engine';
  readonly name: string;
  readonly dialect: DialectName;
  /** Without a trailing slash; OpenAI-compatible ones with their `/v1`. */
  readonly url: string;
  readonly apiKey: string | undefined;
  /** Undefined: what the engine tells. */
  readonly slots: number | undefined;
  readonly labels: NodeLabels;
}

export type NodeConfig = AgentNodeConfig | EngineNodeConfig;

export interface LoggingConfig {
  readonly level: LogLevel;
  readonly maxLinesPerSecond: number;
  readonly file: { readonly path: string; readonly maxBytes: number; readonly maxFiles: number } | undefined;
}

export interface DataConfig {
  /** Absolute path. */
  readonly folder: string;
  /** Who chose it, for messages: `--data`, `WAGGLE_DATA`, `config.yaml:3` or `default`. */
  readonly source: string;
}

/** This machine as a node. */
export interface LocalConfig {
  readonly enabled: boolean;
  /** What the node is called. */
  readonly name: string;
  /** Jobs at once, and what Ollama was started with. Undefined: what its engines can do, and what Ollama does unless told. */
  readonly engines: {
    readonly slots?: number | undefined;
    readonly numParallel?: number | undefined;
    readonly maxLoadedModels?: number | undefined;
    readonly contextLength?: number | undefined;
  };
  /** Undefined: it runs no models by itself. */
  readonly builtin: { readonly hub: { readonly endpoint: string; readonly token: string | undefined } } | undefined;
}

/** Where this machine's engines are looked for. */
export interface DiscoveryConfig {
  /** When given it is the only one, and nothing is looked for. */
  readonly only: { readonly dialect: DialectName; readonly url: string } | undefined;
  readonly ollamaUrl: string;
}

export interface CompiledConfig {
  readonly server: ServerConfig;
  readonly cluster: ClusterConfig;
  readonly limits: LimitsConfig;
  readonly cache: CacheConfig;
  /** Alias → models in the order they are tried, aliases among them followed by their own. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  /** By name as written; an alias has a `timeoutMs` at most. */
  readonly models: Readonly<Record<string, ModelConfig>>;
  readonly nodes: readonly NodeConfig[];
  readonly logging: LoggingConfig;
  readonly data: DataConfig;
  readonly local: LocalConfig;
  readonly discovery: DiscoveryConfig;
  /** Absolute path of the file that was read; undefined when there was none. */
  readonly file: string | undefined;
  /** Absolute path at which a file is looked for, whether there is one or not. */
  readonly filePlace: string;
  /** All values by their own keys, to tell one configuration from another. */
  readonly settings: ParsedConfig;
  /** Who set a key, for what turns out to be wrong with it later. */
  readonly sources: SourceLookup;
  /** Sentences to show once at start. */
  readonly notices: readonly string[];
}
