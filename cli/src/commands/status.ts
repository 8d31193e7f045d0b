import { styleText } from 'node:util';
import type { Command } from 'commander';
import { type ApiClient, ApiError } from '../api-client.ts';
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
  /** Absent: unknown. */
  readonly memoryAvailableBytes?: number;
  readonly engines: readonly {
    readonly kind: string;
    readonly version: string;
    readonly health: string;
    readonly problem?: string;
    /** The node that uses this very engine instead. */
    readonly usedThrough?: string;
    readonly slots: number;
    readonly lanes: LaneCounts;
    readonly models: number;
  }[];
}

/** A node that the configuration names. */
interface ExpectedRow {
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly notice?: string;
}

interface Snapshot {
  readonly status: Status;
  readonly metrics: Metrics;
  readonly nodes: readonly NodeRow[];
  readonly expected: readonly ExpectedRow[];
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
      // Where none is there to begin with, watching is no help.
      const first = await read(client);
      if (options.watch === true) await watch(first, client, output);
      else if (output.json) output.data(first);
      else output.print(toText(first));
    });
}

/** Until Ctrl-C. One that goes away is waited for. */
async function watch(first: Snapshot, client: ApiClient, output: Output): Promise<never> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0));
  let shown: Snapshot | ApiError = first;
  for (;;) {
    if (!(shown instanceof ApiError)) {
      if (output.json) output.data(shown);
      else output.redraw(toText(shown));
    } else if (output.json) output.fail(shown.message);
    else output.redraw(`${shown.message}; trying again`);
    await new Promise((resolve) => setTimeout(resolve, refreshMs));
    shown = await read(client).catch((thrown: unknown) => {
      if (thrown instanceof ApiError) return thrown;
      throw thrown;
    });
  }
}

async function read(client: ApiClient): Promise<Snapshot> {
  const [status, metrics, { nodes, expected }] = (await Promise.all([
    client.get('/api/cluster/status', { version: 'string', lanes: 'object', queue: 'object' }),
    client.get('/api/cluster/metrics', { totals: 'object', lastMinute: 'object' }),
    client.get('/api/nodes', { nodes: 'array', expected: 'array' }),
  ])) as unknown as [Status, Metrics, Pick<Snapshot, 'nodes' | 'expected'>];
  return { status, metrics, nodes, expected };
}

function toText({ status, metrics, nodes, expected }: Snapshot): string {
  const { lanes, queue } = status;
  const lines = [
    `Waggle ${status.version} up for ${toDuration(status.uptimeSeconds)}${status.draining ? ', draining' : ''}`,
    `${queue.runningJobs} running, ${queue.heldJobs} held, ${lanes.idle} free lanes; ${metrics.totals.requests} requests, ${metrics.totals.failed} failed`,
    `last minute: ${metrics.lastMinute.requests} requests, ${Math.round(metrics.lastMinute.promptTokensPerSecond)} prompt and ${Math.round(metrics.lastMinute.completionTokensPerSecond)} answer tokens/s`,
    '',
    nodes.length === 0
      ? 'no nodes: start Ollama here, or add a machine with `waggle join`'
      : toTable(
          ['NODE', 'STATE', 'ENGINE', 'LANES', 'SLOTS', 'MODELS', 'FREE MEMORY', 'RTT', 'ADDRESS'],
          nodes.flatMap(toRows),
        ),
  ];
  const missing = expected.filter(({ state }) => state !== 'joined');
  if (missing.length > 0) {
    const rows = missing.map(({ name, state, address, notice = '' }) => [
      name,
      styleText('yellow', state),
      address,
      notice,
    ]);
    lines.push('', toTable(['EXPECTED', 'STATE', 'ADDRESS', 'WHY'], rows));
  }
  return lines.join('\n');
}

function toRows(node: NodeRow): string[][] {
  const first = [node.name, toState(node.state)];
  const free = node.memoryAvailableBytes === undefined ? 'unknown' : toSize(node.memoryAvailableBytes);
  const last = [free, `${node.rttMs.toFixed(1)} ms`, node.address];
  if (node.engines.length === 0) return [[...first, 'none', '', '', '', ...last]];
  return node.engines.map((engine, index) => {
    const { lanes } = engine;
    const row = [
      toEngineName(engine),
      `${lanes.bound + lanes.draining} busy, ${lanes.idle} free`,
      String(engine.slots),
      String(engine.models),
    ];
    return index === 0 ? [...first, ...row, ...last] : ['', '', ...row, '', '', ''];
  });
}

function toEngineName({ kind, version, health, problem, usedThrough }: NodeRow['engines'][number]): string {
  const notes = [problem, usedThrough && `used through ${usedThrough}`].filter(Boolean).join('; ');
  const state = health === 'up' ? '' : ` ${styleText('red', health)}`;
  return `${kind} ${version}${state}${notes === '' ? '' : ` (${notes})`}`;
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
