import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { ApiClient } from './api-client.ts';
import { createOutput, type Output } from './output.ts';

interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

/** What every command needs: the orchestrator it talks to, and where it prints. */
export interface Context {
  readonly client: ApiClient;
  readonly output: Output;
}

export function toContext(command: Command): Context {
  // What stands nearest to the command wins over what stands before it.
  const options: GlobalOptions = { ...command.parent?.opts(), ...command.opts() };
  return {
    client: new ApiClient(options.url ?? defaultUrl, options.token ?? readAdminToken()),
    output: createOutput(options.json === true),
  };
}

const defaultUrl = process.env['WAGGLE_URL'] ?? 'http://127.0.0.1:3001';

/** The token of an orchestrator of this user on this machine, where there is one. */
function readAdminToken(): string | undefined {
  const fromEnvironment = process.env['WAGGLE_ADMIN_TOKEN'];
  if (fromEnvironment !== undefined) return fromEnvironment;
  const folder =
    process.env['WAGGLE_DATA'] ??
    path.join(process.env['XDG_DATA_HOME'] ?? path.join(homedir(), '.local', 'share'), 'waggle');
  try {
    return readFileSync(path.join(folder, 'admin-token'), 'utf8').trim();
  } catch {
    return undefined;
  }
}
