import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import type { ConfigInputs } from './load.ts';

/** What the configuration needs of this process. Nothing else in the orchestrator reads the environment. */
export function processInputs(): ConfigInputs {
  return {
    argv: process.argv.slice(2),
    environment: process.env,
    workingFolder: process.cwd(),
    homeFolder: homeFolder(),
    platform: process.platform,
    readText,
  };
}

// A user id without an entry in the user database, as in many containers, has none.
function homeFolder(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  }
}
