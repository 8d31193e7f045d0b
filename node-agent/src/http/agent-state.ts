import type { NodeIdentity, NodeReport } from '@waggle/shared/cluster/node.ts';
import type { EngineJobState } from '../engine-node.ts';

/** What the HTTP port shows; each part is asked when it is shown. */
export interface AgentState {
  readonly identity: NodeIdentity;
  report(): NodeReport;
  /** By engine id. */
  jobs(): ReadonlyMap<string, EngineJobState>;
  /** In words: `joined`, `connecting`, `waiting for an invitation`. */
  link(): { readonly state: string; readonly message?: string };
}
