import { homedir, hostname, tmpdir } from 'node:os';
import type { AgentInputs } from './agent-config.ts';

/** What the configuration needs of this process. Nothing else in the agent reads the environment. */
export function processInputs(): AgentInputs {
  return {
    argv: process.argv.slice(2),
    environment: process.env,
    homeFolder: homeFolder(),
    hostName: hostname(),
    workingFolder: process.cwd(),
    platform: process.platform,
  };
}

/** A user id without an entry in the user database, as in many containers, has none. */
function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return tmpdir();
  }
}
