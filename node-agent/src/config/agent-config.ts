import type { JoinToken } from '@waggle/shared/cluster/join-token.ts';
import type { LogLevel } from '@waggle/shared/observing/logger.ts';
import type { EngineSource } from '../create-node.ts';
import type { EngineSettings } from '../engines/create-engine.ts';
import type { HubSettings } from '../engines/llama/pull/pull-settings.ts';

/** How an agent was told to run. */
export interface AgentConfig {
  /** `HOST:PORT` of the orchestrator's gRPC port; undefined: the agent waits to be invited. */
  readonly orchestrator: string | undefined;
  readonly token: JoinToken | undefined;
  readonly name: { readonly text: string; readonly isChosen: boolean };
  readonly data: { readonly folder: string; readonly isChosen: boolean };
  /** Chosen: that one or none. PORT chooses nothing: whoever sets it for one agent sets it for the next on that machine, too. */
  readonly port: { readonly number: number; readonly isChosen: boolean };
  /** Undefined: loopback, unless the agent waits for an invitation. */
  readonly host: string | undefined;
  readonly logLevel: LogLevel;
  /** Longest wait for what runs when the agent is told to end. */
  readonly drainMaxMs: number;
  readonly engines: EngineSource;
  readonly settings: EngineSettings;
  /** Whether the node runs models itself, beside engines it finds. */
  readonly builtin: boolean;
  /** Where the built-in engine pulls models from. */
  readonly hub: HubSettings;
  /** Sentences to show once at start. */
  readonly notices: readonly string[];
}

export type AgentConfigOutcome =
  | { readonly kind: 'run'; readonly config: AgentConfig }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  /** An agent would start with it. */
  | { readonly kind: 'check' };

/** What the configuration is read from. */
export interface AgentInputs {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Undefined where the user has none. */
  readonly homeFolder: string | undefined;
  readonly hostName: string;
  readonly workingFolder: string;
  readonly platform: NodeJS.Platform;
}
