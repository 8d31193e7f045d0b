import type { Command } from 'commander';
import { toContext } from '../context.ts';
import { toSize } from '../output.ts';

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
      const query = options.node === undefined ? '' : `?node=${encodeURIComponent(options.node)}`;
      for await (const line of client.lines(`/api/pull${query}`, { model })) {
        if (output.json) output.data(line);
        else output.progress(toProgress(line));
      }
      output.settle();
      if (!output.json) output.print(`${model} is there`);
    });
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
