import type { Command } from 'commander';
import { toOutput } from '../context.ts';
import { programs } from '../installation.ts';
import { runProgram } from './programs.ts';

export function addConfig(program: Command): void {
  program
    .command('config')
    .description('look at the configuration')
    .addHelpText('after', '\nExamples:\n  waggle config check\n')
    .command('check')
    .description(
      'say what is wrong with a configuration, by key and line, or what it means; exit code 1 if anything is wrong',
    )
    .argument('[file]', 'the file (./config.yaml); variables count as they do at a start')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  waggle config check\n  waggle config check lab.yaml --json\n')
    .action((file: string | undefined, _options: unknown, command: Command) => {
      const flags = ['--check-config', ...(file === undefined ? [] : [`--config=${file}`])];
      return runProgram(programs.up, toOutput(command).json ? [...flags, '--json'] : flags);
    });
}
