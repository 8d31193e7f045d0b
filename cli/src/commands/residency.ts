import type { Command } from 'commander';
import { ApiError } from '../api-client.ts';
import { toContext } from '../context.ts';

/** What is done to models that are there. */
export function addResidency(program: Command): void {
  program
    .command('rm')
    .description('delete models from every node that has them, or from one: NAME@NODE')
    .argument('<model...>', 'names, or name@node')
    .addHelpText('after', '\nExamples:\n  waggle rm llama3.2\n  waggle rm llama3.2@desk qwen3:4b\n')
    .action(async (models: string[], _options: unknown, command: Command) => {
      const { client, output } = toContext(command);
      for (const model of models) {
        await client.ask('DELETE', '/api/delete', { model });
        if (output.json) output.data({ model, status: 'deleted' });
        else output.print(`${model} is deleted`);
      }
    });
  program
    .command('load')
    .description('load a model into memory where it fits best, or at NAME@NODE')
    .argument('<model>', 'name, alias or name@node')
    .option('--keep-alive <time>', 'how long it stays after its last use, at least: 10m, 1h, seconds, or -1 for ever')
    .addHelpText('after', '\nExamples:\n  waggle load qwen3:4b\n  waggle load qwen3:4b@desk --keep-alive 1h\n')
    .action(async (model: string, { keepAlive }: { keepAlive?: string }, command: Command) => {
      const { client, output } = toContext(command);
      const stay = keepAlive === undefined ? {} : { keep_alive: toKeepAlive(keepAlive) };
      await client.ask('POST', '/api/generate', { model, stream: false, ...stay }).catch((thrown: unknown) => {
        // Models that only embed are loaded by that.
        if (!(thrown instanceof ApiError) || !/does not support generate/.test(thrown.message)) throw thrown;
        return client.ask('POST', '/api/embed', { model, input: '', ...stay });
      });
      if (output.json) output.data({ model, status: 'loaded' });
      else output.print(`${model} is loaded`);
    });
  program
    .command('unload')
    .alias('stop')
    .description('take a model out of memory on every node, or on one: NAME@NODE')
    .argument('<model>', 'name, alias or name@node')
    .addHelpText('after', '\nExamples:\n  waggle unload qwen3:4b\n  waggle stop qwen3:4b@desk\n')
    .action(async (model: string, _options: unknown, command: Command) => {
      const { client, output } = toContext(command);
      await client.ask('POST', '/api/generate', { model, stream: false, keep_alive: 0 });
      if (output.json) output.data({ model, status: 'unloaded' });
      else output.print(`${model} is unloaded once nobody waits for it`);
    });
}

/** A number is seconds; what is no time the orchestrator refuses in words. */
function toKeepAlive(text: string): string | number {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
