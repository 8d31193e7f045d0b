import { freemem, totalmem } from 'node:os';
import { styleText } from 'node:util';
import type { Environment } from '@waggle/shared/process/variables.ts';
import type { Command } from 'commander';
import { type ApiClient, ApiError } from '../api-client.ts';
import { toContext } from '../context.ts';
import { checkEngines } from '../doctor/check-engines.ts';
import { checkGrpcPort } from '../doctor/check-grpc-port.ts';
import type { Finding } from '../doctor/finding.ts';
import { toSize } from '../output.ts';

interface NodeRow {
  readonly name: string;
  readonly state: string;
  readonly version: string;
  readonly engines: readonly {
    readonly kind: string;
    readonly health: string;
    readonly problem?: string;
    readonly models: number;
  }[];
}

interface ExpectedRow {
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly notice?: string;
}

const mends: Readonly<Record<string, string>> = {
  unreachable: 'start one with npm start',
  foreign: 'where Waggle is to run there: stop that program, or start Waggle with another --port',
};
const skewMs = 2_000;
const lowMemoryBytes = 1e9;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at this machine and the cluster, and say how to mend what is wrong; exit code 1 if anything is')
    .addHelpText('after', '\nExamples:\n  waggle doctor\n  waggle doctor --url http://server:3001\n')
    .action(async (_options: unknown, command: Command) => {
      const { client, output, environment } = toContext(command);
      const findings = [
        checkNode(),
        checkMemory(),
        ...(await checkEngines(environment)),
        ...(await checkOrchestrator(client, environment)),
      ];
      if (output.json) output.data({ findings });
      else for (const finding of findings) output.print(toLine(finding));
      if (findings.some((finding) => finding.level === 'bad')) process.exitCode = 1;
    });
}

export function toLine({ check, level, found, mend }: Finding): string {
  const mark = { ok: styleText('green', '✓'), warn: styleText('yellow', '!'), bad: styleText('red', '✗') }[level];
  return `${mark} ${check.padEnd(14)} ${found}${mend === undefined ? '' : `\n  ${' '.repeat(14)} ${mend}`}`;
}

function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 24) return { check: 'Node.js', level: 'ok', found: process.versions.node };
  return {
    check: 'Node.js',
    level: 'bad',
    found: process.versions.node,
    mend: 'start through npm (npm start, npm run agent), which fetches Node 24, or install it',
  };
}

function checkMemory(): Finding {
  const found = `${toSize(freemem())} free of ${toSize(totalmem())}`;
  if (freemem() >= lowMemoryBytes) return { check: 'memory', level: 'ok', found };
  return {
    check: 'memory',
    level: 'warn',
    found,
    mend: 'models will not fit; unload some (ollama stop NAME) or close other programs',
  };
}

async function checkOrchestrator(client: ApiClient, environment: Environment): Promise<Finding[]> {
  const check = 'orchestrator';
  try {
    const { version } = (await client.get('/api/cluster/status', { version: 'string' })) as { version: string };
    const { nodes, expected } = (await client.get('/api/nodes', { nodes: 'array', expected: 'array' })) as {
      nodes: readonly NodeRow[];
      expected: readonly ExpectedRow[];
    };
    return [
      { check, level: 'ok', found: `Waggle ${version} at ${client.url}` },
      checkClock(client.clockSkewMs),
      ...checkNodes(nodes, version),
      ...expected.filter(({ state }) => state !== 'joined').map(toMissing),
    ];
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    const { problem, message } = thrown;
    const mend = mends[problem];
    return [
      { check, level: 'bad', found: message, ...(mend === undefined ? {} : { mend }) },
      ...(await checkGrpcPort(environment, client.url)),
    ];
  }
}

function toMissing({ name, address, state, notice }: ExpectedRow): Finding {
  return {
    check: name,
    level: 'warn',
    found: `is in the configuration (agent at ${address}) and has not joined: ${state}`,
    mend: notice ?? 'look at the output of its agent',
  };
}

function checkNodes(nodes: readonly NodeRow[], version: string): Finding[] {
  const findings: Finding[] = [];
  if (nodes.length === 0)
    findings.push({
      check: 'nodes',
      level: 'bad',
      found: 'none',
      mend: 'start an engine on this machine, or add another machine with waggle join',
    });
  for (const node of nodes) {
    if (node.state !== 'active')
      findings.push({
        check: node.name,
        level: 'warn',
        found: `is ${node.state}`,
        mend: 'look at the output of its agent',
      });
    if (node.version !== version)
      findings.push({
        check: node.name,
        level: 'warn',
        found: `runs Waggle ${node.version}, the orchestrator ${version}`,
        mend: 'bring both to one version',
      });
    for (const engine of node.engines) {
      if (engine.health !== 'up')
        findings.push({
          check: node.name,
          level: 'warn',
          found: `${engine.kind} is ${engine.health}`,
          ...(engine.problem === undefined ? {} : { mend: engine.problem }),
        });
      else {
        // The built-in engine is always there, and not missed where another has models.
        const isFine =
          engine.models > 0 || (engine.kind === 'builtin' && node.engines.some(({ models }) => models > 0));
        findings.push({
          check: node.name,
          level: isFine ? 'ok' : 'warn',
          found: `${engine.kind}: ${engine.models} models`,
          ...(isFine ? {} : { mend: `get one: waggle pull NAME@${node.name}` }),
        });
      }
    }
  }
  return findings;
}

function checkClock(clockSkewMs: number): Finding {
  const apart = Math.abs(clockSkewMs);
  if (apart <= skewMs) return { check: 'clock', level: 'ok', found: 'agrees with the orchestrator’s' };
  return {
    check: 'clock',
    level: 'warn',
    found: `${Math.round(apart / 1000)} s away from the orchestrator’s`,
    mend: 'switch on time synchronisation (timedatectl set-ntp true)',
  };
}
