import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Command } from 'commander';

const root = path.resolve(import.meta.dirname, '../../..');

/** The two programs under the names a person looks for; their own flags are handed on as they are. */
export function addPrograms(program: Command): void {
  program
    .command('up')
    .description('run the orchestrator on this machine (flags: waggle up --help)')
    .allowUnknownOption()
    .helpOption(false)
    .argument('[flags...]')
    .action((flags: string[]) => runProgram('orchestrator/src/main.ts', flags));
  program
    .command('join')
    .description('make this machine a node: waggle join HOST:PORT --token TOKEN (flags: waggle join --help)')
    .allowUnknownOption()
    .helpOption(false)
    .argument('[flags...]')
    .action((flags: string[]) => {
      const [first, ...rest] = flags;
      const isAddress = first !== undefined && !first.startsWith('-');
      return runProgram('node-agent/src/main.ts', isAddress ? ['--orchestrator', first, ...rest] : flags);
    });
}

async function runProgram(main: string, flags: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [path.join(root, main), ...flags], { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  process.on('SIGTERM', forward);
  // A terminal delivers Ctrl-C to the child itself; this process only waits for it.
  process.on('SIGINT', () => {});
  const { promise, resolve } = Promise.withResolvers<number>();
  child.on('exit', (code) => resolve(code ?? 1));
  process.exitCode = await promise;
}
