import { parseArgs } from 'node:util';
import { toWholeNumber } from '../src/read-options.ts';

export interface SoakOptions {
  /** Kills, freezes or drains of agents in each scenario that has them. */
  readonly kills: number;
  /** Clients that leave, over all the ways to leave. */
  readonly leaves: number;
  /** Requests of the memory scenario. */
  readonly requests: number;
  readonly seed: number;
  /** Names of scenarios; empty: all. */
  readonly only: readonly string[];
}

export const soakUsage = `npm run soak -- [options]
  --kills N      kills, freezes, restarts and drains in each scenario (20)
  --leaves N     clients that leave (400)
  --requests N   requests of the memory scenario (100000)
  --seed N       of the random moments (1)
  --only A,B     these scenarios only: killed-agents, frozen-agents, drained-agents, orchestrator, engines, leaving, memory

On two free cores the default takes 4 minutes: agents 80 s, orchestrator 15 s, engines 40 s, leaving 10 s, memory 75 s.
Each further kill is 4 s in the three of agents and 1 s in orchestrator, each 100,000 requests are 75 s. A long run of an hour and a half:
  npm run soak -- --kills 1000 --leaves 10000 --requests 1000000
`;

/** Undefined where help is asked for. Throws a TypeError for flags and scenarios there are none of. */
export function readSoakOptions(args: readonly string[], scenarios: readonly string[]): SoakOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: 'string', default: '20' },
      leaves: { type: 'string', default: '400' },
      requests: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const only = values.only.split(',').filter(Boolean);
  const unknown = only.find((name) => !scenarios.includes(name));
  if (unknown !== undefined) throw new TypeError(`there is no scenario called ${unknown}`);
  return {
    kills: toWholeNumber('--kills', values.kills),
    leaves: toWholeNumber('--leaves', values.leaves),
    requests: toWholeNumber('--requests', values.requests),
    seed: toWholeNumber('--seed', values.seed),
    only,
  };
}
