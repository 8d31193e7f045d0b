import { describeLaneLinkContract } from '@waggle/shared/lane-link/lane-link-contract.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { attachNode } from './attach-node.ts';

describeLaneLinkContract('a node of the same process', async (host, events) => {
  const node = attachNode(host, events, { clock: systemClock });
  return {
    async refusal() {
      if (node.refusal === undefined) throw new Error('the node was not refused');
      return node.refusal;
    },
    drain: () => node.drain(),
    crash: () => node.close(),
    async dispose() {
      node.close();
    },
  };
});
