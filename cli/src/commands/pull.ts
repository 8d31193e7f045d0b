import type { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import { toContext } from '../context.ts';
import { type Output, toSize } from '../output.ts';

export function addPull(program: Command): void {
  program
    .command('pull')
    .description('download a model to the node it fits best, or to NAME@NODE')
    .argument('<model>', 'name, or name@node')
    .option('--node <names>', 'comma-separated nodes, or * for all')
    .addHelpText(
      'after',
      '\nExamples:\n  waggle pull qwen3:4b\n  waggle pull llama3.2@desk\n  waggle pull qwen3:4b --node desk,server\n',
    )
    .action(async (model: string, options: { node?: string }, command: Command) => {
      const { client, output } = toContext(command);
      await pullModel(client, output, { model, ...options });
      if (!output.json) output.print(`${model} is there`);
    });
}

/** Resolves when the model is there; shows how far it is. */
export async function pullModel(
  client: ApiClient,
  output: Output,
  { model, node }: { readonly model: string; readonly node?: string },
): Promise<void> {
  const query = node === undefined ? '' : `?node=${encodeURIComponent(node)}`;
  for await (const line of client.lines(`/api/pull${query}`, { model })) {
    if (output.json) output.data(line);
    else output.progress(toProgress(line));
  }
  output.settle();
}

function toProgress(line: Record<string, unknown>): string {
  const { status, completed, total, node } = line;
  const where = typeof node === 'string' ? `${node}: ` : '';
  const share =
    typeof completed === 'number' && typeof total === 'number' && total > 0
      ? ` ${Math.floor((100 * completed) / total)} % of ${toSize(total)}`
      : '';
  return `${where}${typeof status === 'string' ? status : ''}${share}`;
}
