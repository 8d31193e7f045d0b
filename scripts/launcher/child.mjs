import { spawn } from 'node:child_process';
import { watchStarter } from './starter.mjs';

/**
 * Runs the program with this process's stdio and ends as it ends: same exit code, or death by the same signal.
 * `parent` is the process id of who started this one, read before anything that takes time.
 */
export function runChild({ command, args, env, parent }) {
  const child = spawn(command, args, { env, stdio: 'inherit' });
  const passOn = (signal) => child.kill(signal);
  // A terminal gives Ctrl-C to the whole group, so the program has it already; it must not get a second one from here.
  const onInterrupt = process.stdin.isTTY ? () => {} : passOn;
  process.on('SIGTERM', passOn).on('SIGHUP', passOn).on('SIGINT', onInterrupt);
  // A SIGTERM to npm's shell is not passed on, and a killed npm tells nobody; the program must not outlive them.
  const stopWatching = watchStarter(parent, () => child.kill('SIGTERM'));

  child.on('error', (error) => {
    stopWatching();
    console.error(`Cannot run ${command}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    stopWatching();
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    for (const handled of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.removeAllListeners(handled);
    process.kill(process.pid, signal);
  });
}
