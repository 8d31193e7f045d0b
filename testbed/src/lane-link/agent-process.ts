import { connectNode } from '@waggle/node-agent/link/connect-node.ts';
import { ScriptedHost } from '@waggle/shared/lane-link/testing/scripted-host.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';

/** An agent in a process of its own, for tests that freeze or kill it: `node agent-process.ts PORT`. Its jobs never end. */
const host = new ScriptedHost({ e1: 4 });
connectNode(host, { orchestrator: `127.0.0.1:${process.argv[2]}`, logger: silentLogger, clock: systemClock });
process.on('disconnect', () => process.exit());
