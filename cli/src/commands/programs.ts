import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Command } from 'commander';
import { findSurroundings, toOutput } from '../context.ts';
import { programs, root } from '../installation.ts';
import { installService, runSteps, uninstallService } from '../service/install.ts';

const installHelp = `
As a service of this user, started again whenever it ends (waggle join --help shows the flags above for it, too):
  --install                 write a systemd user unit (Linux) or a launchd agent (macOS); the token goes into a file of its own
  --now                     with --install: start it, now and from now on
  --uninstall               end and remove it

  waggle join 192.168.1.2:50051 --token K10::… --install --now
`;

interface JoinOptions {
  readonly install?: boolean;
  readonly now?: boolean;
  readonly uninstall?: boolean;
}

/** The two programs under the names a person looks for; their own flags are handed on as they are. */
export function addPrograms(program: Command): void {
  program
    .command('up')
    .description('run the orchestrator on this machine (flags: waggle up --help)')
    .allowUnknownOption()
    .helpOption(false)
    .argument('[flags...]')
    .action((flags: string[]) => runProgram(programs.up, flags));
  program
    .command('join')
    .description('make this machine a node: waggle join HOST:PORT --token TOKEN (flags: waggle join --help)')
    .allowUnknownOption()
    .helpOption(false)
    .argument('[flags...]')
    .option('--install', 'write a systemd user unit or a launchd agent')
    .option('--now', 'with --install: start it')
    .option('--uninstall', 'end and remove it')
    .option('--json', 'print JSON')
    .action(async (given: string[], options: JoinOptions, command: Command) => {
      const [first, ...rest] = given;
      const isAddress = first !== undefined && !first.startsWith('-');
      const flags = isAddress ? ['--orchestrator', first, ...rest] : given;
      const isHelp = flags.includes('--help') || flags.includes('-h');
      if (!isHelp && options.uninstall === true) await uninstall(flags, command);
      else if (!isHelp && options.install === true) await install(flags, options.now === true, command);
      else await runProgram(programs.join, flags);
      if (isHelp) process.stdout.write(installHelp);
    });
}

async function install(flags: readonly string[], isNow: boolean, command: Command): Promise<void> {
  const output = toOutput(command);
  const { service, environmentFile, notes } = await installService(flags, findSurroundings());
  const commands = service.enable.filter(({ mayFail }) => mayFail !== true).map((step) => step.command.join(' '));
  if (isNow) await runSteps(service.enable);
  if (output.json) {
    output.data({ file: service.file, environmentFile, started: isNow, commands, notes });
    return;
  }
  output.print(`${service.file} is written; the token and other variables are in ${environmentFile}.`);
  output.print(
    isNow ? 'It is started, now and from now on.' : `To start it, now and from now on:\n  ${commands.join('\n  ')}`,
  );
  for (const note of [...notes, service.hint]) output.print(note);
}

async function uninstall(flags: readonly string[], command: Command): Promise<void> {
  const output = toOutput(command);
  const { file } = await uninstallService(flags, findSurroundings());
  if (output.json) output.data({ file, status: 'removed' });
  else output.print(`${file} is removed`);
}

/** Resolves when it has ended; its exit code becomes this program's. */
export async function runProgram(main: string, flags: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [path.join(root, main), ...flags], { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  // A terminal delivers Ctrl-C to the child itself; this process only waits for it.
  const onInterrupt = process.stdin.isTTY ? () => {} : forward;
  process.on('SIGTERM', forward).on('SIGHUP', forward).on('SIGINT', onInterrupt);
  const { promise, resolve } = Promise.withResolvers<number>();
  child.on('exit', (code) => resolve(code ?? 1));
  process.exitCode = await promise;
}
