import { readFileSync } from 'node:fs';
import path from 'node:path';
import { defaultDataFolder, findHomeFolder, resolvePath } from '@waggle/shared/data-folder/data-location.ts';
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
  // What stands nearest to the command wins over what stands before it.
  const options: GlobalOptions = { ...command.parent?.opts(), ...command.opts() };
  const url = toUrl(options.url ?? (process.env['WAGGLE_URL'] || 'http://127.0.0.1:3001'));
  const token = options.token ?? (process.env['WAGGLE_ADMIN_TOKEN'] || undefined);
  return {
    environment: process.env,
    // The token of this machine opens this machine only: another one must not get to see it.
    client: new ApiClient(url, token ?? (isLoopback(url) ? readAdminToken() : undefined)),
    output: createOutput(options.json === true),
  };
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
  const { env: environment, platform } = process;
  const surroundings = { environment, homeFolder: findHomeFolder(), platform };
  const chosen = readVariable(environment, 'WAGGLE_DATA');
  const folder =
    chosen === undefined ? defaultDataFolder(surroundings) : resolvePath(chosen, process.cwd(), surroundings);
  if (folder === undefined) return undefined;
  try {
    return readFileSync(path.join(folder, 'admin-token'), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
