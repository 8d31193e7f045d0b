import { parseEnv } from 'node:util';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import type { Environment } from '@waggle/shared/process/variables.ts';

/** What an agent is configured by, besides everything that begins with `WAGGLE_`. */
const known = new Set([
  'PORT',
  'HOST',
  'LLAMA_BASE_URL',
  'QUEUE_CONCURRENCY',
  'OLLAMA_HOST',
  'OLLAMA_NUM_PARALLEL',
  'OLLAMA_MAX_LOADED_MODELS',
  'OLLAMA_CONTEXT_LENGTH',
  'HF_ENDPOINT',
  'HF_TOKEN',
  'XDG_DATA_HOME',
]);
/** They are for this command line, and one of them is a secret. */
const ofCommandLine = new Set(['WAGGLE_URL', 'WAGGLE_ADMIN_TOKEN']);

/** The variables that an agent started here would read, so that a service does the same. */
export function agentVariables(environment: Environment): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    const isRead = known.has(name) || (name.startsWith('WAGGLE_') && !ofCommandLine.has(name));
    if (isRead && value !== undefined && value.trim() !== '') found[name] = value.trim();
  }
  return found;
}

/** What `node --env-file` reads as these variables. @throws UsageError for a value it has no way to write */
export function toEnvFile(variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).map(([name, value]) => {
    const line = [`'`, '`', '"']
      .map((mark) => `${name}=${mark}${value}${mark}`)
      .find((each) => parseEnv(each)[name] === value);
    if (line !== undefined) return `${line}\n`;
    throw new UsageError(`${name} cannot be kept for the service, because of the quotes in it`);
  });
  return lines.join('');
}
