import type { NodeIdentity, NodeReport } from '../cluster/node.ts';
import type { ClusterError } from '../errors/cluster-error.ts';
import type { ModelCommand } from '../lane-link/node-host.ts';
import type { LogBatch } from '../observing/log-entry.ts';
import type { ProtocolVersion } from './protocol-version.ts';

/** What a node says on its control stream. `unknown` is a kind of a later version, to be skipped. */
export type ControlUp =
  | {
      readonly type: 'register';
      readonly protocol: ProtocolVersion;
      readonly identity: NodeIdentity;
      readonly nonce: Uint8Array;
      readonly proof: Uint8Array;
      readonly report: NodeReport;
    }
  | { readonly type: 'report'; readonly report: NodeReport }
  | { readonly type: 'report-part'; readonly bytes: Uint8Array; readonly last: boolean }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'pong'; readonly id: number; readonly bootId: string }
  /** Without an error: done. */
  | { readonly type: 'command-result'; readonly commandId: number; readonly error?: ClusterError }
  | { readonly type: 'leave'; readonly reason: string }
  | ({ readonly type: 'log-batch' } & LogBatch)
  | { readonly type: 'unknown' };

/** What the orchestrator says on a node's control stream. */
export type ControlDown =
  | {
      readonly type: 'hello';
      readonly protocol: ProtocolVersion;
      readonly clusterId: string;
      readonly version: string;
      readonly nonce: Uint8Array;
    }
  | {
      readonly type: 'welcome';
      readonly epoch: number;
      readonly proof: Uint8Array;
      readonly sessionId: string;
      readonly lanesPerNode: number;
      readonly heartbeatMs: number;
    }
  | { readonly type: 'refused'; readonly reason: string; readonly message: string }
  | { readonly type: 'ping'; readonly id: number }
  | {
      readonly type: 'command';
      readonly commandId: number;
      readonly action: 'load' | 'unload';
      readonly model: ModelCommand;
    }
  | { readonly type: 'cancel-command'; readonly commandId: number }
  | { readonly type: 'open-operation'; readonly streamId: number }
  | { readonly type: 'closing'; readonly reason: ClosingReason; readonly message: string }
  | { readonly type: 'unknown' };

export type ClosingReason = 'superseded' | 'shutting-down' | 'closed';

/** A report above this goes in parts: grpc takes 4 MB, and a heartbeat should not wait behind one. */
export const maxReportBytes = 1024 * 1024;
