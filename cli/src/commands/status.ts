import { styleText } from 'node:util';
import type { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import { toContext } from '../context.ts';
import { type Output, toSize, toTable } from '../output.ts';

interface LaneCounts {
  readonly idle: number;
  readonly bound: number;
  readonly draining: number;
}

interface Status {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly draining: boolean;
  readonly lanes: LaneCounts;
  readonly queue: { readonly heldJobs: number; readonly runningJobs: number };
}

interface Metrics {
  readonly totals: { readonly requests: number; readonly failed: number };
  readonly lastMinute: {
    readonly requests: number;
    readonly promptTokensPerSecond: number;
    readonly completionTokensPerSecond: number;
  };
}

interface NodeRow {
  readonly name: string;
  readonly state: string;
  readonly address: string;
  readonly rttMs: number;
  readonly memoryAvailableBytes: number;
  readonly engines: readonly {
    readonly kind: string;
    readonly version: string;
    readonly health: string;
    readonly problem?: string;
    readonly slots: number;
    readonly lanes: LaneCounts;
    readonly models: number;
  }[];
}

const refreshMs = 1_000;

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('nodes, lanes, models and throughput')
    .option('--watch', 'go on showing it, until Ctrl-C')
    .addHelpText('after', '\nExamples:\n  waggle status\n  waggle status --watch\n  waggle status --json\n')
    .action(async (options: { watch?: boolean }, command: Command) => {
      const { client, output } = toContext(command);
      await show(client, output);
      while (options.watch === true) {
        await new Promise((resolve) => setTimeout(resolve, refreshMs));
        if (output.isLive) output.write('\x1b[H\x1b[2J');
        await show(client, output);
      }
    });
}

async function show(client: ApiClient, output: Output): Promise<void> {
  const [status, metrics, { nodes }] = (await Promise.all([
    client.get('/api/cluster/status', { version: 'string', lanes: 'object', queue: 'object' }),
    client.get('/api/cluster/metrics', { totals: 'object', lastMinute: 'object' }),
    client.get('/api/nodes', { nodes: 'array' }),
  ])) as unknown as [Status, Metrics, { readonly nodes: readonly NodeRow[] }];
  if (output.json) output.data({ status, metrics, nodes });
  else output.print(toText(status, metrics, nodes));
}

function toText(status: Status, metrics: Metrics, nodes: readonly NodeRow[]): string {
  const { lanes, queue } = status;
  const head = [
    `Waggle ${status.version} up for ${toDuration(status.uptimeSeconds)}${status.draining ? ', draining' : ''}`,
    `${queue.runningJobs} running, ${queue.heldJobs} held, ${lanes.idle} free lanes; ${metrics.totals.requests} requests, ${metrics.totals.failed} failed`,
    `last minute: ${metrics.lastMinute.requests} requests, ${Math.round(metrics.lastMinute.promptTokensPerSecond)} prompt and ${Math.round(metrics.lastMinute.completionTokensPerSecond)} answer tokens/s`,
    '',
  ];
  if (nodes.length === 0)
    return [...head, 'no nodes: start Ollama here, or add a machine with `waggle join`'].join('\n');
  return [
    ...head,
    toTable(
      ['NODE', 'STATE', 'ENGINE', 'LANES', 'SLOTS', 'MODELS', 'FREE MEMORY', 'RTT', 'ADDRESS'],
      nodes.flatMap(toRows),
    ),
  ].join('\n');
}

function toRows(node: NodeRow): string[][] {
  const first = [node.name, toState(node.state)];
  const last = [toSize(node.memoryAvailableBytes), `${node.rttMs.toFixed(1)} ms`, node.address];
  if (node.engines.length === 0) return [[...first, 'none', '', '', '', ...last]];
  return node.engines.map((engine, index) => {
    const { lanes } = engine;
    const name = `${engine.kind} ${engine.version}${engine.health === 'up' ? '' : ` ${styleText('red', engine.health)}${engine.problem === undefined ? '' : ` (${engine.problem})`}`}`;
    const row = [
      name,
      `${lanes.bound + lanes.draining} busy, ${lanes.idle} free`,
      String(engine.slots),
      String(engine.models),
    ];
    return index === 0 ? [...first, ...row, ...last] : ['', '', ...row, '', '', ''];
  });
}

function toState(state: string): string {
  return styleText(state === 'active' ? 'green' : state === 'left' ? 'red' : 'yellow', state);
}

function toDuration(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
