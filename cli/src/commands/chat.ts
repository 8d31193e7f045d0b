import type { Command } from 'commander';
import { toContext } from '../context.ts';
import { readPiped, talk } from '../conversation.ts';

export function addChat(program: Command): void {
  program
    .command('chat')
    .description('talk to a model; Ctrl-C stops the answer, Ctrl-D ends')
    .argument('<model>', 'name, alias or name@node')
    .argument('[prompt...]', 'ask once and end')
    .option('--system <text>', 'what the model is told first')
    .addHelpText(
      'after',
      '\nExamples:\n  waggle chat llama3.2\n  waggle chat llama3.2 "Why is the sky blue?"\n  echo "Translate: bonjour" | waggle chat qwen3:4b\n',
    )
    .action(async (model: string, prompt: string[], { system }: { system?: string }, command: Command) => {
      const { client, output } = toContext(command);
      const question = prompt.length > 0 ? prompt.join(' ') : await readPiped();
      await talk(client, output, { model, system, question });
    });
}
