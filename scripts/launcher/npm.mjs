import { spawnSync } from 'node:child_process';

/** Runs npm, the one that started this process where there is one, and returns what spawnSync does; output as text. */
export function runNpm(args, options) {
  const npmCli = process.env.npm_execpath;
  const [command, ...before] = npmCli?.endsWith('npm-cli.js') ? [process.execPath, npmCli] : ['npm'];
  return spawnSync(command, [...before, ...args], {
    encoding: 'utf8',
    shell: command === 'npm' && process.platform === 'win32',
    ...options,
  });
}
