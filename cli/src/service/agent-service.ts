import path from 'node:path';
import type { Surroundings } from '@waggle/shared/data-folder/data-location.ts';
import { toPlist } from './launchd-plist.ts';
import { toUnit } from './systemd-unit.ts';

/** How the agent is started by the system, and ended. */
export interface ServiceFacts {
  /** Absolute path of a program, and its arguments. */
  readonly command: readonly string[];
  readonly workingFolder: string;
  /** Folders in which programs are looked for. */
  readonly path: readonly string[];
  /** How long the agent may take to end. */
  readonly endSeconds: number;
}

/** A command of the system; `mayFail`: what it is to bring about may be so already. */
export interface Step {
  readonly command: readonly string[];
  readonly mayFail?: true;
}

/** The agent as a service of this user. */
export interface AgentService {
  readonly file: string;
  readonly toText: (facts: ServiceFacts) => string;
  /** Starts it now, and from now on. */
  readonly enable: readonly Step[];
  readonly disable: readonly Step[];
  /** After its file is gone. */
  readonly forget: readonly Step[];
  /** Tells whether the file is good; the program may not be there. */
  readonly verify: readonly string[] | undefined;
  readonly hint: string;
}

const name = 'waggle-agent';

/** Undefined where services are made in another way. */
export function findService(
  { platform, homeFolder, environment }: Surroundings,
  user: number,
): AgentService | undefined {
  if (homeFolder === undefined) return undefined;
  if (platform === 'linux')
    return toSystemd(environment['XDG_CONFIG_HOME']?.trim() || path.join(homeFolder, '.config'));
  return platform === 'darwin' ? toLaunchd(homeFolder, user) : undefined;
}

function toSystemd(configFolder: string): AgentService {
  const unit = `${name}.service`;
  const file = path.join(configFolder, 'systemd/user', unit);
  const systemctl = (...args: string[]) => ({ command: ['systemctl', '--user', ...args] });
  return {
    file,
    toText: toUnit,
    // Restarted, not started: one that runs is to take up what is new.
    enable: [systemctl('daemon-reload'), systemctl('enable', unit), systemctl('restart', unit)],
    disable: [{ ...systemctl('disable', '--now', unit), mayFail: true }],
    forget: [{ ...systemctl('daemon-reload'), mayFail: true }],
    verify: ['systemd-analyze', '--user', 'verify', file],
    hint: `To let it run while nobody is logged in: loginctl enable-linger. What it says: journalctl --user -u ${name}`,
  };
}

function toLaunchd(homeFolder: string, user: number): AgentService {
  const file = path.join(homeFolder, 'Library/LaunchAgents', `${name}.plist`);
  const log = path.join(homeFolder, 'Library/Logs', `${name}.log`);
  const end: Step = { command: ['launchctl', 'bootout', `gui/${user}/${name}`], mayFail: true };
  return {
    file,
    toText: (facts) => toPlist(facts, { label: name, log }),
    enable: [end, { command: ['launchctl', 'bootstrap', `gui/${user}`, file] }],
    disable: [end],
    forget: [],
    verify: undefined,
    hint: `What it says: ${log}`,
  };
}
