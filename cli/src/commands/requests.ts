import { type Command, InvalidArgumentError, Option } from 'commander';
import { toContext } from '../context.ts';
import { toTable } from '../output.ts';

interface Terms {
  readonly rtt: number;
  readonly load: number;
  readonly wait: number;
  readonly prefill: number;
  readonly decode: number;
  readonly risk: number;
  readonly total: number;
}

interface RequestRow {
  readonly requestId: string;
  readonly endpoint: string;
  readonly model: string;
  readonly state: string;
  readonly node?: string;
  readonly receivedAt: string;
  readonly firstEventMs?: number;
  readonly endedMs?: number;
  readonly decodeRate?: number;
  readonly usage?: { readonly promptTokens: number; readonly completionTokens: number };
  readonly error?: { readonly code: string; readonly message: string };
  readonly attempts: readonly {
    readonly node: string;
    readonly model: string;
    readonly boundMs: number;
    readonly outcome?: string;
    readonly reason?: string;
    readonly decision: {
      readonly reason: string;
      readonly chosen: number;
      readonly heldMs: number;
      readonly candidates: readonly {
        readonly node: string;
        readonly model: string;
        readonly excluded?: string;
        readonly prior: boolean;
        readonly terms?: Terms;
      }[];
      readonly candidatesTotal?: number;
      readonly excludedTotals?: Readonly<Record<string, number>>;
    };
  }[];
}

const states = ['held', 'running', 'done', 'failed', 'client-gone'];
const limitMax = 1_000;
const filters = ['model', 'node', 'state'];

type Decision = RequestRow['attempts'][number]['decision'];

export function addRequests(program: Command): void {
  program
    .command('requests')
    .description('recent requests; with an id, why one went where it did')
    .argument('[id]', 'request id (the x-request-id of its answer)')
    .option('--model <name>', 'only this model')
    .option('--node <name>', 'only this node')
    .addOption(new Option('--state <state>', 'only those in this state').choices(states))
    .option('--limit <count>', 'how many', toLimit, 20)
    .addHelpText(
      'after',
      '\nExamples:\n  waggle requests\n  waggle requests --state failed\n  waggle requests 5f3a9c\n',
    )
    .action(async (id: string | undefined, options: Record<string, string | number>, command: Command) => {
      const { client, output } = toContext(command);
      if (id !== undefined) {
        const request = (await client.get(`/api/requests/${encodeURIComponent(id)}`, {
          requestId: 'string',
          attempts: 'array',
        })) as unknown as RequestRow;
        if (output.json) output.data(request);
        else output.print(toStory(request));
        return;
      }
      const query = new URLSearchParams({ limit: String(options['limit']) });
      const wanted = filters.filter((name) => options[name] !== undefined);
      for (const name of wanted) query.set(name, String(options[name]));
      const { requests } = (await client.get(`/api/requests?${query.toString()}`, {
        requests: 'array',
      })) as unknown as {
        readonly requests: readonly RequestRow[];
      };
      if (output.json) output.data({ requests });
      else
        output.print(
          requests.length === 0
            ? wanted.length > 0
              ? 'no such requests'
              : 'no requests yet'
            : toTable(
                ['ID', 'WHEN', 'MODEL', 'STATE', 'NODE', 'TRIES', 'FIRST', 'TOTAL', 'TOKENS', 'TOKENS/S'],
                requests.map(toRow),
              ),
        );
    });
}

function toLimit(text: string): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= limitMax) return limit;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${limitMax}.`);
}

function toRow(request: RequestRow): string[] {
  const { usage } = request;
  return [
    request.requestId,
    new Date(request.receivedAt).toTimeString().slice(0, 8),
    request.model,
    request.error === undefined ? request.state : `${request.state} (${request.error.code})`,
    request.node ?? '',
    String(request.attempts.length),
    toMs(request.firstEventMs),
    toMs(request.endedMs),
    usage === undefined ? '' : `${usage.promptTokens} + ${usage.completionTokens}`,
    request.decodeRate === undefined ? '' : request.decodeRate.toFixed(1),
  ];
}

function toStory(request: RequestRow): string {
  const lines = [
    `${request.endpoint} for ${request.model}: ${request.state}${request.error === undefined ? '' : `, ${request.error.message}`}`,
    '',
  ];
  for (const [index, attempt] of request.attempts.entries()) {
    const { decision } = attempt;
    const outcome = attempt.outcome ?? 'running';
    lines.push(
      `try ${index + 1}: ${attempt.node} after ${toMs(attempt.boundMs)} (${decision.reason}): ${outcome}${attempt.reason === undefined ? '' : `, ${attempt.reason}`}`,
    );
    const rows = decision.candidates.map((candidate, place) => {
      const { terms } = candidate;
      const mark = place === decision.chosen ? '→' : '';
      if (terms === undefined)
        return [mark, candidate.node, candidate.model, candidate.excluded ?? '', '', '', '', '', '', ''];
      return [
        mark,
        candidate.node,
        candidate.model,
        candidate.prior ? 'guessed' : '',
        ...[terms.rtt, terms.load, terms.wait, terms.prefill, terms.decode, terms.risk].map(toMs),
        toMs(terms.total),
      ];
    });
    lines.push(
      toTable(['', 'NODE', 'MODEL', '', 'RTT', 'LOAD', 'WAIT', 'PREFILL', 'DECODE', 'RISK', 'TOTAL'], rows),
      ...toRest(decision),
      '',
    );
  }
  lines.push(`first event after ${toMs(request.firstEventMs)}, ended after ${toMs(request.endedMs)}`);
  return lines.join('\n');
}

/** What of a very large decision is not listed. */
function toRest({ candidates, candidatesTotal, excludedTotals = {} }: Decision): string[] {
  if (candidatesTotal === undefined) return [];
  const reasons = Object.entries(excludedTotals).map(([reason, count]) => `${count} ${reason}`);
  const out = reasons.length === 0 ? '' : ` (out: ${reasons.join(', ')})`;
  return [`and ${candidatesTotal - candidates.length} more${out}`];
}

function toMs(ms: number | undefined): string {
  if (ms === undefined) return '';
  return ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
