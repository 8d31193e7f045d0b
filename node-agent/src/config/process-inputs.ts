import { hostname } from 'node:os';
import { findHomeFolder } from '@waggle/shared/data-folder/data-location.ts';
import type { AgentInputs } from './agent-config.ts';

/** What the configuration needs of this process. Nothing else in the agent reads the environment. */
export function processInputs(): AgentInputs {
  return {
    argv: process.argv.slice(2),
    environment: process.env,
    homeFolder: findHomeFolder(),
    hostName: hostname(),
    workingFolder: process.cwd(),
    platform: process.platform,
  };
}
