import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { Argument, type Command } from 'commander';
import { ApiError } from '../api-client.ts';
import { type Completion, complete } from '../completion/complete.ts';
import { type Shell, shells, toScript } from '../completion/scripts.ts';
import { createClient, findSurroundings, toOutput } from '../context.ts';
import { findNode, launcher, programs, root } from '../installation.ts';

/** Somebody waits with a finger on the key. */
const answerMs = 1_000;

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print what a shell reads to complete commands, options and models')
    .addArgument(new Argument('<shell>', 'of which').choices(shells))
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  eval "$(waggle completion bash)"        in ~/.bashrc; from a clone: eval "$(npm run --silent waggle -- completion bash)"
  eval "$(waggle completion zsh)"         in ~/.zshrc
  waggle completion fish | source         in ~/.config/fish/config.fish
It makes the command waggle, too, where there is none.
`,
    )
    .action((shell: Shell, _options: unknown, command: Command) => {
      const output = toOutput(command);
      const main = path.join(root, 'cli/src/main.ts');
      const script = toScript(shell, { node: findNode(findSurroundings().environment), launcher, main });
      if (output.json) output.data({ shell, script });
      else output.write(script);
    });
  program
    .command('complete', { hidden: true })
    .description('what the scripts of waggle completion ask')
    .argument('[words...]')
    .action(async (words: string[]) => {
      const found = await complete(program, words, { models: findModels, flags: findFlags });
      process.stdout.write(found.map(({ word, description }) => `${word}\t${description}\n`).join(''));
    });
}

/** None where no cluster answers: nobody reads an error in the middle of a line. */
async function findModels(options: Readonly<Record<string, string>>): Promise<readonly Completion[]> {
  try {
    const body = await createClient(options, answerMs).get('/api/cluster/models', {
      models: 'array',
      aliases: 'object',
    });
    const { models, aliases } = body as {
      models: { name: string; state: string }[];
      aliases: Record<string, string[]>;
    };
    return [
      ...models.map(({ name, state }) => ({ word: name, description: state })),
      ...Object.entries(aliases).map(([word, targets]) => ({ word, description: `alias of ${targets.join(', ')}` })),
    ];
  } catch (thrown) {
    if (thrown instanceof ApiError) return [];
    throw thrown;
  }
}

async function findFlags(command: string): Promise<readonly Completion[]> {
  const main = new Map(Object.entries(programs)).get(command);
  if (main === undefined) return [];
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(root, main), '--help']);
  return [...stdout.matchAll(/^ +(?:-\w, )?(--[\w-]+).*? {2,}(.*)$/gm)].map(([, word = '', description = '']) => {
    return { word, description };
  });
}
