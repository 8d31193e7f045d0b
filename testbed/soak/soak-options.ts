import { parseArgs } from 'node:util';

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
  --only A,B     these scenarios only: agents, orchestrator, engines, leaving, memory

On two free cores the default takes 4 minutes: agents 80 s, orchestrator 15 s, engines 40 s, leaving 10 s, memory 75 s.
Each further kill is 4 s in agents and 1 s in orchestrator, each 100,000 requests are 75 s. A long run of an hour and a half:
  npm run soak -- --kills 1000 --leaves 10000 --requests 1000000
`;

/** Throws a TypeError for flags there are none of. */
export function readSoakOptions(args: readonly string[]): SoakOptions | undefined {
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
  return {
    kills: toCount('--kills', values.kills),
    leaves: toCount('--leaves', values.leaves),
    requests: toCount('--requests', values.requests),
    seed: toCount('--seed', values.seed),
    only: values.only.split(',').filter(Boolean),
  };
}

function toCount(flag: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new TypeError(`${flag} must be a whole number, not ${text}`);
  return Number(text);
}
