import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { findHomeFolder } from '@waggle/shared/data-folder/data-location.ts';
import type { ConfigInputs } from './load.ts';

/** What the configuration needs of this process. Nothing else in the orchestrator reads the environment. */
export function processInputs(): ConfigInputs {
  return {
    argv: process.argv.slice(2),
    environment: process.env,
    workingFolder: process.cwd(),
    homeFolder: findHomeFolder(),
    hostName: hostname(),
    platform: process.platform,
    readText,
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  }
}
