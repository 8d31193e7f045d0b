import type { Command } from 'commander';
import { type ApiClient, ApiError } from '../api-client.ts';
import { toContext } from '../context.ts';
import { readPiped, talk } from '../conversation.ts';
import { pullModel } from './pull.ts';

export function addRun(program: Command): void {
  program
    .command('run')
    .description(
      'talk to a model, which is pulled first where no node has it; Ctrl-C stops the answer, Ctrl-D or /bye ends',
    )
    .argument('<model>', 'name, alias or name@node')
    .argument('[prompt...]', 'ask once and end; what is piped in stands before it')
    .option('--system <text>', 'what the model is told first')
    .addHelpText(
      'after',
      '\nExamples:\n  waggle run qwen3:0.6b\n  waggle run qwen3:0.6b "Why is the sky blue?"\n  waggle run qwen3:0.6b "What does this say?" < letter.txt\n',
    )
    .action(async (model: string, prompt: string[], { system }: { system?: string }, command: Command) => {
      const { client, output } = toContext(command);
      const piped = await readPiped();
      const asked = [piped, prompt.join(' ')].filter((text) => text !== undefined && text.trim() !== '').join('\n');
      const question = asked === '' && piped === undefined ? undefined : asked;
      if (!(await isThere(client, model))) await pullModel(client, output, { model });
      await talk(client, output, { model, system, question });
    });
}

async function isThere(client: ApiClient, model: string): Promise<boolean> {
  try {
    await client.ask('POST', '/api/show', { model });
    return true;
  } catch (thrown) {
    if (thrown instanceof ApiError && thrown.status === 404) return false;
    throw thrown;
  }
}
