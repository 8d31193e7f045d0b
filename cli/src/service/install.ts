import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { defaultDataFolder, resolvePath, type Surroundings } from '@waggle/shared/data-folder/data-location.ts';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import { makeFolder } from '@waggle/shared/data-folder/make-folder.ts';
import { writeSecret } from '@waggle/shared/data-folder/secret-file.ts';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import { isRecord } from '../api-client.ts';
import { findNode, findPath, launcher, programs, root } from '../installation.ts';
import { type AgentService, findService, type Step } from './agent-service.ts';
import { agentVariables, toEnvFile } from './env-file.ts';
import { readServiceFlags } from './join-flags.ts';

const execute = promisify(execFile);
const defaultDrainSeconds = 30;
/** For what an agent does besides finishing what runs. */
const endMarginSeconds = 15;

export interface Installed {
  readonly service: AgentService;
  readonly environmentFile: string;
  readonly notes: readonly string[];
}

/** Writes what the system starts the agent from. @throws UsageError in one sentence */
export async function installService(args: readonly string[], surroundings: Surroundings): Promise<Installed> {
  const service = requireService(surroundings);
  const given = readServiceFlags(args);
  await checkFlags(given.flags);
  const { environment } = surroundings;
  const variables = agentVariables(environment);
  const data = resolveData(given.data ?? variables['WAGGLE_DATA'], surroundings);
  const environmentFile = toEnvironmentFile(data, surroundings);
  const flags = given.data === undefined || data === undefined ? given.flags : [...given.flags, '--data', data];
  const drainSeconds = Number(given.drainSeconds ?? variables['WAGGLE_DRAIN_TIMEOUT'] ?? defaultDrainSeconds);
  const kept: Record<string, string> = {
    ...variables,
    ...(data !== undefined && variables['WAGGLE_DATA'] !== undefined && { WAGGLE_DATA: data }),
    ...(given.token !== undefined && { WAGGLE_TOKEN: given.token }),
  };
  const text = service.toText({
    command: [
      findNode(environment),
      launcher,
      `--env-file=${environmentFile}`,
      path.join(root, programs.join),
      ...flags,
    ],
    workingFolder: root,
    path: findPath(environment),
    endSeconds: (Number.isFinite(drainSeconds) ? drainSeconds : defaultDrainSeconds) + endMarginSeconds,
  });
  writing(environmentFile, () => writeSecret(environmentFile, toEnvFile(kept).trimEnd()));
  writing(service.file, () => writeFileSync(service.file, text));
  const hasToken = [kept['WAGGLE_TOKEN'], variables['WAGGLE_JOIN_TOKEN']].some((token) => token !== undefined);
  return { service, environmentFile, notes: await findNotes(service, hasToken) };
}

/** Ends and removes it. */
export async function uninstallService(args: readonly string[], surroundings: Surroundings): Promise<AgentService> {
  const service = requireService(surroundings);
  const { data } = readServiceFlags(args);
  await runSteps(service.disable);
  rmSync(service.file, { force: true });
  const chosen = data ?? agentVariables(surroundings.environment)['WAGGLE_DATA'];
  rmSync(toEnvironmentFile(resolveData(chosen, surroundings), surroundings), { force: true });
  await runSteps(service.forget);
  return service;
}

/** @throws UsageError with what a command said that had to work */
export async function runSteps(steps: readonly Step[]): Promise<void> {
  for (const { command, mayFail } of steps) {
    const said = await run(command);
    if (said !== undefined && mayFail !== true) throw new UsageError(`${command.join(' ')} failed: ${said}`);
  }
}

function requireService(surroundings: Surroundings): AgentService {
  const service = findService(surroundings, process.getuid?.() ?? 0);
  if (service !== undefined) return service;
  throw new UsageError(
    'services are made for systemd (Linux) and launchd (macOS) only; let this system start `waggle join` in its own way',
  );
}

/** What an agent would not start with, it would be started with again and again. */
async function checkFlags(flags: readonly string[]): Promise<void> {
  const said = await run([process.execPath, path.join(root, programs.join), ...flags, '--check-config']);
  if (said !== undefined) throw new UsageError(said);
}

function resolveData(written: string | undefined, surroundings: Surroundings): string | undefined {
  return written === undefined ? undefined : resolvePath(written, process.cwd(), surroundings);
}

/** In the agent's own folder. */
function toEnvironmentFile(data: string | undefined, surroundings: Surroundings): string {
  const folder = defaultDataFolder(surroundings);
  if (data !== undefined) return path.join(data, 'service.env');
  if (folder !== undefined) return path.join(folder, 'agent', 'service.env');
  throw new UsageError('this user has no home folder to keep data in; name a folder with --data DIR');
}

async function findNotes(service: AgentService, hasToken: boolean): Promise<readonly string[]> {
  const said = service.verify === undefined ? undefined : await run(service.verify, { isOptional: true });
  // What else is wrong with the user's session is not this file's business.
  const notes = (said ?? '').split('\n').filter((line) => line.includes(path.basename(service.file)));
  if (!hasToken) notes.push('No --token was given: without one an agent joins an orchestrator on this machine only.');
  return notes;
}

function writing(file: string, write: () => void): void {
  try {
    makeFolder(path.dirname(file));
    write();
  } catch (cause) {
    throw new UsageError(`${file} cannot be written: ${describeFileError(cause)}`, { cause });
  }
}

/** What a command said when it failed; undefined: it did not. */
async function run(command: readonly string[], { isOptional = false } = {}): Promise<string | undefined> {
  const [program = '', ...args] = command;
  try {
    await execute(program, args);
    return undefined;
  } catch (thrown) {
    if (!isRecord(thrown)) throw thrown;
    if (thrown['code'] === 'ENOENT') return isOptional ? undefined : 'there is no such command here';
    return String(thrown['stderr']).trim() || String(thrown['message']);
  }
}
