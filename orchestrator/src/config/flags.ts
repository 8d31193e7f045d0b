import { parseArgs } from 'node:util';
import { nearestName } from '@waggle/shared/process/nearest-name.ts';
import type { ConfigProblem } from './config-error.ts';
import { environmentName } from './key-index.ts';

interface Flag {
  readonly name: string;
  readonly short?: string;
  /** Name of the value in the help text; a flag without one is a switch. */
  readonly value?: string;
  /** The key it sets, and to what when it is a switch. */
  readonly sets?: { readonly path: readonly string[]; readonly to?: boolean };
  readonly help: string;
}

const FLAGS: readonly Flag[] = [
  { name: 'port', value: 'PORT', sets: { path: ['server', 'port'] }, help: 'HTTP port (3001)' },
  {
    name: 'host',
    value: 'ADDRESS',
    sets: { path: ['server', 'host'] },
    help: 'address the HTTP port listens on (127.0.0.1)',
  },
  { name: 'grpc-port', value: 'PORT', sets: { path: ['cluster', 'grpcPort'] }, help: 'port that agents dial (50051)' },
  { name: 'lan', sets: { path: ['cluster', 'lan'], to: true }, help: 'let other machines join; makes a join token' },
  { name: 'data', value: 'DIR', sets: { path: ['data'] }, help: 'folder for everything that is kept' },
  { name: 'no-local', sets: { path: ['local', 'enabled'], to: false }, help: "leave this machine's own engines alone" },
  {
    name: 'log-level',
    value: 'LEVEL',
    sets: { path: ['logging', 'level'] },
    help: 'error, warn, info or debug (info)',
  },
  { name: 'config', value: 'FILE', help: 'configuration file (./config.yaml)' },
  { name: 'check-config', help: 'say what is wrong with the configuration, or what it means, and end' },
  { name: 'json', help: 'with --check-config: as JSON' },
  { name: 'help', short: 'h', help: 'show this text' },
  { name: 'version', short: 'v', help: 'show the version' },
];

export interface FlagValue {
  /** As on the command line, with its dashes. */
  readonly flag: string;
  readonly path: readonly string[];
  readonly value: string | boolean;
}

export type FlagResult =
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'refused'; readonly problem: ConfigProblem }
  | ({ readonly kind: 'run' } & RunFlags)
  | ({ readonly kind: 'check'; readonly asJson: boolean } & RunFlags);

interface RunFlags {
  readonly configFile: string | undefined;
  readonly values: readonly FlagValue[];
}

/** Reads the arguments behind the program's name. Of a repeated flag the last one counts. */
export function parseFlags(argv: readonly string[]): FlagResult {
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      FLAGS.map(({ name, short, value }) => [
        name,
        { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
      ]),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const values: FlagValue[] = [];
  let configFile: string | undefined;
  const asked = new Set<string>();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') return refusePositional(token.value);
    const flag = FLAGS.find(({ name }) => name === token.name);
    if (flag === undefined) return refuseUnknown(token.rawName);
    if (flag.name === 'help' || flag.name === 'version') return { kind: flag.name };
    const { rawName, value } = token;
    if (flag.value === undefined) {
      if (value !== undefined) return refuse(rawName, 'takes no value', 'the flag alone');
      if (flag.sets?.to !== undefined) values.push({ flag: rawName, path: flag.sets.path, value: flag.sets.to });
      asked.add(flag.name);
      continue;
    }
    if (value === undefined || value === '' || (!token.inlineValue && value.startsWith('--'))) {
      return refuse(rawName, `needs a value: ${rawName} ${flag.value}`, flag.value);
    }
    if (flag.sets === undefined) configFile = value;
    else values.push({ flag: rawName, path: flag.sets.path, value });
  }
  const asJson = asked.has('json');
  if (asked.has('check-config')) return { kind: 'check', asJson, configFile, values };
  if (asJson) return refuse('--json', 'goes with --check-config', '--check-config --json');
  return { kind: 'run', configFile, values };
}

function refuseUnknown(rawName: string): FlagResult {
  const near = nearestName(
    rawName.replace(/^-+/, ''),
    FLAGS.map(({ name }) => name),
  );
  const hint = near === undefined ? '--help lists all flags' : `did you mean --${near}?`;
  return refuse(rawName, `there is no such flag; ${hint}`, near === undefined ? 'a known flag' : `--${near}`);
}

function refusePositional(argument: string): FlagResult {
  return refuse(JSON.stringify(argument.slice(0, 60)), 'is not a flag; --help lists all flags', 'flags only');
}

function refuse(source: string, problem: string, expected: string): FlagResult {
  return { kind: 'refused', problem: { key: '', source, problem, expected } };
}

/** The variable that says the same as a flag: WAGGLE_LOG_LEVEL is `--log-level`. */
export function flagVariables() {
  return FLAGS.flatMap(({ name, sets }) =>
    sets === undefined
      ? []
      : [{ name: environmentName(name.split('-')), path: sets.path, isOpposite: sets.to === false }],
  );
}

/** What `--help` prints. */
export function helpText(): string {
  const rows = FLAGS.map(({ name, short, value, help }) => ({
    left: `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
    help,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return [
    'Waggle: one address in front of every LLM on your machines.',
    '',
    'Usage: npm start -- [flags]',
    '',
    ...rows.map(({ left, help }) => `  ${left.padEnd(width)}${help}`),
    '',
    'Examples:',
    '  npm start                           serve the engines of this machine on 127.0.0.1:3001',
    '  npm start -- --lan                  let agents on other machines join',
    '  npm start -- --host 0.0.0.0         let clients on other machines in',
    '  npm start -- --config lab.yaml --log-level debug',
    '  npm start -- --check-config         say what the configuration means, and end',
    '',
    'Flags beat environment variables (WAGGLE_PORT=4000), these beat the file; config.yaml.example has every key.',
    '',
  ].join('\n');
}
