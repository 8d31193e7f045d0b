import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { NodeLink, NodeLinkOptions } from './node-link.ts';

/** Joins the cluster of an orchestrator and stays in it until `drain` or `close`. Does not throw; watch its status. */
export function connectNode(_host: NodeHost, _options: NodeLinkOptions): NodeLink {
  throw new Error('not there yet');
}
