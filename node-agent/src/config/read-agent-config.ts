import path from 'node:path';
import { parseArgs } from 'node:util';
import { parseEngineUrl, parseOllamaHost } from '@waggle/shared/addresses/engine-urls.ts';
import { joinHostPort, parseHostPort } from '@waggle/shared/addresses/hosts.ts';
import { type JoinToken, parseJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { defaultDataFolder, resolvePath } from '@waggle/shared/data-folder/data-location.ts';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import type { LogLevel } from '@waggle/shared/observing/logger.ts';
import { noteUnreadVariables, readVariable } from '@waggle/shared/process/variables.ts';
import type { EngineSource } from '../create-node.ts';
import { publicHub } from '../engines/llama/pull/pull-settings.ts';
import type { AgentConfigOutcome, AgentInputs } from './agent-config.ts';

const orchestratorPort = 50_051;
const ownPort = 3_000;
const drainSeconds = 30;
const logLevels: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];
const namePattern = /^[\w][\w.-]{0,63}$/;

const options = {
  orchestrator: { type: 'string' },
  token: { type: 'string' },
  name: { type: 'string' },
  data: { type: 'string' },
  port: { type: 'string' },
  'drain-timeout': { type: 'string' },
  'log-level': { type: 'string' },
  'no-builtin': { type: 'boolean' },
  'check-config': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

const helpText = `A Waggle agent: makes the engines of this machine part of a cluster.

  npm run agent -- --orchestrator HOST:PORT [flags]

  --orchestrator HOST:PORT  the orchestrator's address for agents (port ${orchestratorPort}); without it the agent waits to be invited
  --token TOKEN             the cluster's join token (K10::…), as the orchestrator prints it
  --name NAME               name of this node in the cluster (the host's name)
  --data DIR                folder for what is kept
  --port PORT               port for health, metrics and invitations, this one or none (${ownPort}, or the next free one)
  --drain-timeout SECONDS   longest wait for running jobs when it is told to end (${drainSeconds})
  --no-builtin              run no models itself; engines are looked for all the same
  --log-level LEVEL         ${logLevels.join(', ')} (info)
  --check-config            say what is wrong with flags and variables, and end
  -h, --help                show this text
  -v, --version             show the version

Examples:
  npm run agent -- --orchestrator 192.168.1.2:${orchestratorPort} --token K10::…
  npm run agent -- --name attic --drain-timeout 120      wait to be invited

Environment: each flag as WAGGLE_<FLAG> (WAGGLE_ORCHESTRATOR, WAGGLE_TOKEN or WAGGLE_JOIN_TOKEN, …: a token there is seen by nobody
who lists processes), PORT (or the next free one), HOST (address to listen on), LLAMA_BASE_URL (the one engine to use: …/v1 is OpenAI-compatible, else
Ollama), QUEUE_CONCURRENCY (jobs at once), OLLAMA_HOST, OLLAMA_NUM_PARALLEL, OLLAMA_MAX_LOADED_MODELS, OLLAMA_CONTEXT_LENGTH,
HF_ENDPOINT (a mirror of Hugging Face for the built-in engine's models), HF_TOKEN (for repositories that need an account).
`;

/**
 * The agent's configuration: flags beat the environment, which beats defaults.
 *
 * @throws UsageError naming the flag or variable and what to do
 */
export function readAgentConfig(inputs: AgentInputs): AgentConfigOutcome {
  const flags = parseFlags(inputs.argv);
  if (flags.help === true) return { kind: 'help', text: helpText };
  if (flags.version === true) return { kind: 'version' };
  const variable = (name: string) => readVariable(inputs.environment, name);
  const environment = (name: string): Setting | undefined => {
    const text = variable(name);
    return text === undefined ? undefined : { source: name, text };
  };
  const pick = (flag: keyof typeof options, other?: string): Setting | undefined => {
    const written = flags[flag];
    if (typeof written === 'string') return { source: `--${flag}`, text: written.trim() };
    return environment(toVariable(flag)) ?? (other === undefined ? undefined : environment(other));
  };
  const port = pick('port', 'PORT');
  const isPortChosen = port !== undefined && port.source !== 'PORT';
  const name = pick('name');
  const data = pick('data');
  const notices = noteUnreadVariables(inputs.environment, Object.keys(options).map(toVariable));
  if (variable('MONGODB_URI') !== undefined)
    notices.push('MONGODB_URI is not used yet: an agent keeps nothing in a database.');
  const outcome: AgentConfigOutcome = {
    kind: 'run',
    config: {
      orchestrator: toAddress(pick('orchestrator')),
      token: toToken(pick('token', 'WAGGLE_JOIN_TOKEN')),
      name: { text: name === undefined ? toName(inputs.hostName) : checkName(name), isChosen: name !== undefined },
      data: { folder: toFolder(data, inputs), isChosen: data !== undefined },
      port: { number: port === undefined ? ownPort : toInteger(port, 0, 65_535), isChosen: isPortChosen },
      host: variable('HOST'),
      drainMaxMs: toDrainMs(pick('drain-timeout')),
      logLevel: toLogLevel(pick('log-level')),
      engines: toEngines(environment('LLAMA_BASE_URL'), environment('OLLAMA_HOST')),
      settings: {
        slots: toCount(environment('QUEUE_CONCURRENCY')),
        // 0 leaves it to Ollama, as not setting it does.
        numParallel: toCount(environment('OLLAMA_NUM_PARALLEL'), 0) || undefined,
        maxLoadedModels: toCount(environment('OLLAMA_MAX_LOADED_MODELS'), 0) || undefined,
        contextLength: toCount(environment('OLLAMA_CONTEXT_LENGTH'), 0) || undefined,
      },
      builtin: !isOn(flags['no-builtin'], environment(toVariable('no-builtin'))),
      hub: { endpoint: toHub(environment('HF_ENDPOINT')), token: variable('HF_TOKEN') },
      notices,
    },
  };
  return flags['check-config'] === true ? { kind: 'check' } : outcome;
}

/** A value with the flag or variable it came from. */
interface Setting {
  readonly source: string;
  readonly text: string;
}

/** A flag without a value; its variable is on with 1 or true. */
function isOn(flag: boolean | undefined, variable: Setting | undefined): boolean {
  if (flag !== undefined || variable === undefined) return flag === true;
  if (/^(?:1|true|yes|on)$/i.test(variable.text)) return true;
  if (/^(?:0|false|no|off)$/i.test(variable.text)) return false;
  throw new UsageError(`${variable.source} must be true or false, not "${variable.text}".`);
}

/** `log-level` → `WAGGLE_LOG_LEVEL`. */
function toVariable(flag: string): string {
  return `WAGGLE_${flag.replaceAll('-', '_').toUpperCase()}`;
}

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: false }).values;
  } catch (cause) {
    const said = cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause);
    throw new UsageError(`${said.replace(/\.$/, '')}; --help lists the flags.`, { cause });
  }
}

function toAddress(setting: Setting | undefined): string | undefined {
  if (setting === undefined) return undefined;
  const { source, text } = setting;
  const address = parseHostPort(text, orchestratorPort);
  if (address !== undefined) return joinHostPort(address.host, address.port);
  throw new UsageError(`${source} must be HOST:PORT, as the orchestrator prints it, not "${text}".`);
}

function toToken(setting: Setting | undefined): JoinToken | undefined {
  if (setting === undefined) return undefined;
  const result = parseJoinToken(setting.text);
  if (!result.ok)
    throw new UsageError(
      `${setting.source} ${result.problem.replace(/\w$/, '$&.')} The orchestrator prints it when it starts.`,
    );
  return result.token;
}

function checkName({ source, text }: Setting): string {
  if (namePattern.test(text)) return text;
  throw new UsageError(`${source} may have letters, digits, "-", "_" and "." only, at most 64, not "${text}".`);
}

function toName(hostName: string): string {
  const name = hostName
    .split('.')[0]
    ?.replaceAll(/[^\w-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 60);
  return name || 'node';
}

function toLogLevel(setting: Setting | undefined): LogLevel {
  const level = logLevels.find((candidate) => candidate === (setting?.text ?? 'info'));
  if (level !== undefined) return level;
  throw new UsageError(`${setting?.source} must be one of ${logLevels.join(', ')}, not "${setting?.text}".`);
}

function toInteger({ source, text }: Setting, least: number, most: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`${source} must be a whole number from ${least} to ${most}, not "${text}".`);
}

function toCount(setting: Setting | undefined, least = 1): number | undefined {
  return setting === undefined ? undefined : toInteger(setting, least, 1_000_000);
}

function toDrainMs(setting: Setting | undefined): number {
  return 1_000 * (setting === undefined ? drainSeconds : toInteger(setting, 0, 86_400));
}

function toEngines(only: Setting | undefined, ollamaHost: Setting | undefined): EngineSource {
  if (only !== undefined) {
    const parsed = parseEngineUrl(only.text);
    if (!parsed.ok) throw new UsageError(`${only.source} ${parsed.problem}.`);
    return { kind: 'fixed', engines: [{ dialect: parsed.dialect, url: parsed.url }] };
  }
  if (ollamaHost === undefined) return { kind: 'discover' };
  const ollamaUrl = parseOllamaHost(ollamaHost.text);
  if (ollamaUrl === undefined) throw new UsageError(`OLLAMA_HOST is not the address of an Ollama: ${ollamaHost.text}.`);
  return { kind: 'discover', ollamaUrl };
}

function toHub(setting: Setting | undefined): string {
  if (setting === undefined) return publicHub;
  const url = URL.parse(setting.text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new UsageError(
      `${setting.source} must be the address of a hub, such as ${publicHub}, not "${setting.text}".`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

/** By default beside what an orchestrator of this user keeps, never in its folder. */
function toFolder(setting: Setting | undefined, inputs: AgentInputs): string {
  if (setting !== undefined) {
    if (setting.text !== '') return resolvePath(setting.text, inputs.workingFolder, inputs);
    throw new UsageError(`${setting.source} must name a folder.`);
  }
  const folder = defaultDataFolder(inputs);
  if (folder !== undefined) return path.join(folder, 'agent');
  throw new UsageError('This user has no home folder to keep data in; name a folder with --data DIR.');
}
