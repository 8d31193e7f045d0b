import { styleText } from 'node:util';
import type { Command } from 'commander';
import { toContext } from '../context.ts';
import { toSize, toTable } from '../output.ts';

interface Models {
  readonly models: readonly {
    readonly name: string;
    readonly state: string;
    readonly capabilities?: readonly string[];
    readonly places: readonly {
      readonly node: string;
      readonly state: string;
      readonly sizeBytes: number;
      readonly contextLength?: number;
      readonly numCtx?: number;
    }[];
  }[];
  readonly aliases: Readonly<Record<string, readonly string[]>>;
}

export function addModels(program: Command): void {
  program
    .command('models')
    .description('every model of the cluster and where it is')
    .addHelpText('after', '\nExamples:\n  waggle models\n  waggle models --json\n')
    .action(async (_options: unknown, command: Command) => {
      const { client, output } = toContext(command);
      const body = (await client.get('/api/cluster/models', {
        models: 'array',
        aliases: 'object',
      })) as unknown as Models;
      if (output.json) {
        output.data(body);
        return;
      }
      const rows = body.models.map((model) => [
        model.name,
        model.state === 'hot' ? styleText('green', 'hot') : model.state,
        toSize(Math.max(0, ...model.places.map((place) => place.sizeBytes))),
        String(Math.max(0, ...model.places.map((place) => place.contextLength ?? place.numCtx ?? 0)) || '?'),
        model.capabilities?.join(', ') ?? '?',
        model.places.map((place) => `${place.node}${place.state === 'hot' ? ' (hot)' : ''}`).join(', '),
      ]);
      output.print(
        rows.length === 0
          ? 'no models yet; get one with `waggle pull NAME`'
          : toTable(['MODEL', 'STATE', 'SIZE', 'CONTEXT', 'CAN', 'NODES'], rows),
      );
      for (const [alias, targets] of Object.entries(body.aliases))
        output.print(`alias ${alias} = ${targets.join(', then ')}`);
    });
}
