import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { findLanAddress } from '@waggle/shared/addresses/lan-address.ts';
import { formatJoinToken, makeJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import { type Command, InvalidArgumentError } from 'commander';
import { findSurroundings, toOutput } from '../context.ts';
import { checkEngines } from '../doctor/check-engines.ts';
import { type Answers, askAnswers, defaultAnswers, toPort } from '../init/answers.ts';
import { fillIn } from '../init/fill-in.ts';
import { root } from '../installation.ts';
import { toLine } from './doctor.ts';

interface InitOptions {
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly port?: number;
  readonly lan?: boolean;
  readonly clients?: boolean;
}

export function addInit(program: Command): void {
  program
    .command('init')
    .description('write a commented configuration; asks a few questions first')
    .argument('[file]', 'where to write it', 'config.yaml')
    .option('--yes', 'ask nothing')
    .option('--force', 'replace a file that is there')
    .option('--port <port>', 'port for clients', parsePort)
    .option('--clients', 'let clients on other machines in')
    .option('--lan', 'let other machines join; makes a join token')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  waggle init\n  waggle init --yes --lan\n  waggle init lab.yaml --port 4000 --force\n',
    )
    .action(async (file: string, { yes, force, ...wished }: InitOptions, command: Command) => {
      const output = toOutput(command);
      if (force !== true && existsSync(file)) throw isThere(file);
      const { isTTY } = process.stdin;
      if (yes !== true && (!isTTY || output.json))
        throw new UsageError('the questions need a terminal; --yes asks nothing');
      const proposed: Answers = { ...defaultAnswers, ...wished };
      const answers = yes === true ? proposed : await askAnswers(proposed, await findEngines());
      const token = answers.lan ? formatJoinToken(makeJoinToken()) : undefined;
      const example = readFileSync(path.join(root, 'config.yaml.example'), 'utf8');
      const text = fillIn(toOwn(example), toValues(answers, token));
      write(file, text, { isSecret: token !== undefined, force: force === true });
      const join =
        token === undefined ? undefined : `waggle join ${findLanAddress() ?? hostname()}:50051 --token ${token}`;
      if (output.json)
        output.data({ file: path.resolve(file), port: answers.port, ...(join !== undefined && { join }) });
      else output.print(toResult(file, join));
    });
}

async function findEngines(): Promise<readonly string[]> {
  return (await checkEngines(findSurroundings().environment)).map(toLine);
}

/** The example begins with what to do with it, which is done now. */
function toOwn(example: string): string {
  return example.replace('Copy it to config.yaml (or name it with --config FILE) and change', 'Change');
}

function toValues({ port, clients, lan, engines }: Answers, token: string | undefined) {
  return {
    ...(port !== defaultAnswers.port && { 'server.port': port }),
    ...(clients && { 'server.host': '0.0.0.0' }),
    ...(lan && { 'cluster.lan': true }),
    ...(token !== undefined && { 'cluster.joinToken': token }),
    ...(!engines && { 'local.enabled': false }),
  };
}

function write(file: string, text: string, { isSecret, force }: { isSecret: boolean; force: boolean }): void {
  // Renamed into place, so that a running Waggle never sees half of it.
  const unfinished = force ? `${file}.new` : file;
  try {
    if (force) rmSync(unfinished, { force: true });
    writeFileSync(unfinished, text, { flag: 'wx', mode: isSecret ? 0o600 : 0o644 });
    if (force) renameSync(unfinished, file);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') throw isThere(file);
    throw new UsageError(`${file} cannot be written: ${describeFileError(cause)}`, { cause });
  }
}

function isThere(file: string): UsageError {
  return new UsageError(`${file} is there already; --force replaces it`);
}

function toResult(file: string, join: string | undefined): string {
  const flags = path.resolve(file) === path.join(root, 'config.yaml') ? '' : ` -- --config ${path.resolve(file)}`;
  const lines = [
    `${file} is written; every other key is in it, with its default.`,
    `Start with: npm start${flags}`,
    ...(join === undefined ? [] : [`On each other machine: ${join}`]),
  ];
  return lines.join('\n');
}

function parsePort(text: string): number {
  const port = toPort(text);
  if (port === undefined) throw new InvalidArgumentError('must be a whole number from 1 to 65535');
  return port;
}
