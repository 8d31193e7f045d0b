import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  defaultDataFolder,
  findHomeFolder,
  resolvePath,
  type Surroundings,
} from '@waggle/shared/data-folder/data-location.ts';
import { type Environment, readVariable } from '@waggle/shared/process/variables.ts';
import type { Command } from 'commander';
import { ApiClient, ApiError } from './api-client.ts';
import { createOutput, type Output } from './output.ts';

interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

/** What every command needs: the orchestrator it talks to, and where it prints. */
export interface Context {
  readonly environment: Environment;
  readonly client: ApiClient;
  readonly output: Output;
}

export function toContext(command: Command): Context {
  const options = optionsOf(command);
  return { environment: process.env, client: createClient(options), output: toOutput(command) };
}

/** Where a command prints that talks to nobody. */
export function toOutput(command: Command): Output {
  return createOutput(optionsOf(command).json === true);
}

export function createClient(options: Pick<GlobalOptions, 'url' | 'token'>, timeoutMs?: number): ApiClient {
  const url = toUrl(options.url ?? (process.env['WAGGLE_URL'] || 'http://127.0.0.1:3001'));
  const token = options.token ?? (process.env['WAGGLE_ADMIN_TOKEN'] || undefined);
  // The token of this machine opens this machine only: another one must not get to see it.
  return new ApiClient(url, token ?? (isLoopback(url) ? readAdminToken() : undefined), timeoutMs);
}

/** This process's user and machine. */
export function findSurroundings(): Surroundings {
  return { environment: process.env, homeFolder: findHomeFolder(), platform: process.platform };
}

/** What stands nearest to the command wins over what stands before it. */
function optionsOf(command: Command): GlobalOptions {
  return { ...(command.parent === null ? {} : optionsOf(command.parent)), ...command.opts() };
}

function toUrl(text: string): URL {
  const url = URL.parse(/^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new ApiError('unreachable', `'${text}' is no address of a Waggle; one looks like http://server:3001`);
}

/** Names other than `localhost` may lead anywhere, whatever they look like. */
function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** The token of an orchestrator of this user on this machine, where there is one. */
function readAdminToken(): string | undefined {
  const surroundings = findSurroundings();
  const chosen = readVariable(surroundings.environment, 'WAGGLE_DATA');
  const folder =
    chosen === undefined ? defaultDataFolder(surroundings) : resolvePath(chosen, process.cwd(), surroundings);
  if (folder === undefined) return undefined;
  try {
    return readFileSync(path.join(folder, 'admin-token'), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
