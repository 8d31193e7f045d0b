import { spawnSync } from 'node:child_process';
import { npmCommand } from './npm-command.mjs';

/** Runs npm, the one that started this process where there is one, and returns what spawnSync does; output as text. */
export function runNpm(args, options) {
  const [command, words, how] = npmCommand(args);
  return spawnSync(command, words, { encoding: 'utf8', ...how, ...options });
}
