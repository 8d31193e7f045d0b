// Loaded values → the frozen configuration the modules get. Contradictions between keys are refused here.
import path from 'node:path';
import { parseEngineUrl, parseOllamaHost } from '@waggle/shared/addresses/engine-urls.ts';
import { isLoopbackHost, isUnspecifiedHost, joinHostPort, parseHostPort } from '@waggle/shared/addresses/hosts.ts';
import { type JoinToken, parseJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { defaultDataFolder, resolvePath } from '@waggle/shared/data-folder/data-location.ts';
import { compileModels } from './compile-models.ts';
import { compileNodes, isOwnAddress } from './compile-nodes.ts';
import type {
  CacheConfig,
  ClusterConfig,
  CompiledConfig,
  DataConfig,
  DiscoveryConfig,
  LimitsConfig,
  LocalConfig,
  LoggingConfig,
  ServerConfig,
} from './compiled-config.ts';
import { type ConfigProblem, throwProblems } from './config-error.ts';
import type { LoadedConfig } from './load.ts';
import type { ParsedConfig } from './schema.ts';
import { aboutKey, type KeyPath, showPath } from './sources.ts';
import { validateConfig } from './validate.ts';

interface Compiling extends LoadedConfig {
  readonly problems: ConfigProblem[];
  readonly notes: string[];
}

/**
 * @throws ConfigError (with all others in `also`) for unknown keys, wrong values and keys that contradict each other
 */
export function compileConfig(loaded: LoadedConfig): CompiledConfig {
  return compileSettings(validateConfig(loaded), loaded);
}

/** The same for values that are known to be valid one by one. */
export function compileSettings(parsed: ParsedConfig, loaded: LoadedConfig): CompiledConfig {
  const context: Compiling = { ...loaded, problems: [], notes: [...loaded.notices] };
  const server = compileServer(parsed.server);
  const cluster = compileCluster(parsed.cluster, context);
  refuseSharedPort(server, cluster, context);
  const { problems, notes: notices, sources, inputs } = context;
  const { enabled, builtin, hub, hubToken } = parsed.local;
  const local = {
    enabled,
    name: inputs.hostName,
    engines: compileEngineSettings(parsed.local),
    builtin: builtin ? { hub: { endpoint: hub.replace(/\/+$/, ''), token: hubToken } } : undefined,
  };
  const nodes = compileNodes(parsed.nodes, {
    server,
    cluster,
    local,
    environment: inputs.environment,
    sources,
    problems,
    notices,
  });
  const { aliases, models } = compileModels(parsed.models, { sources, problems });
  const limits = compileLimits(parsed.limits, context);
  const discovery = compileDiscovery(parsed.local, server, context);
  const data = compileData(parsed.data, context);
  const logging = compileLogging(parsed.logging, context);
  if (parsed.mongodb.uri !== undefined || parsed.mongodb.database !== undefined) {
    notices.push('mongodb is not used yet: nothing is recorded there.');
  }
  throwProblems(problems);
  return freezeDeep({
    server,
    cluster,
    limits,
    cache: compileCache(parsed.cache),
    aliases,
    models,
    nodes,
    logging,
    data,
    local,
    discovery,
    file: loaded.file,
    filePlace: loaded.filePlace,
    settings: parsed,
    sources,
    notices,
  });
}

function compileServer({ basePath, ...server }: ParsedConfig['server']): ServerConfig {
  const { readTimeout, writeTimeout, headersTimeout, keepAliveTimeout, drainTimeout, ...rest } = server;
  return {
    ...rest,
    concurrency: rest.concurrency,
    basePath: basePath.replace(/\/$/, ''),
    readTimeoutMs: readTimeout,
    writeTimeoutMs: writeTimeout,
    headersTimeoutMs: headersTimeout,
    keepAliveTimeoutMs: keepAliveTimeout,
    drainTimeoutMs: drainTimeout,
  };
}

function compileCluster(parsed: ParsedConfig['cluster'], context: Compiling): ClusterConfig {
  const { grpcPort, lan } = parsed;
  const host = lan && isLoopbackHost(parsed.host) ? '0.0.0.0' : parsed.host;
  const isLoopback = isLoopbackHost(host);
  const joinToken = compileJoinToken(parsed.joinToken, context);
  const needsMadeToken = lan && parsed.joinToken === undefined;
  if (!isLoopback && parsed.joinToken === undefined && !needsMadeToken) {
    const expected = 'cluster.joinToken, or --lan, which makes one';
    refuse(
      context,
      ['cluster', 'host'],
      `cluster.host ${host} opens the gRPC port to other machines, which needs ${expected}`,
      expected,
    );
  }
  return { host, grpcPort, isLoopback, joinToken, needsMadeToken, advertise: compileAdvertise(parsed, context) };
}

function compileJoinToken(written: string | undefined, context: Compiling): JoinToken | undefined {
  if (written === undefined) return undefined;
  const result = parseJoinToken(written);
  if (result.ok) return result.token;
  refuse(
    context,
    ['cluster', 'joinToken'],
    `cluster.joinToken ${result.problem}`,
    'a join token of the form K10::SECRET',
  );
  return undefined;
}

function compileAdvertise({ advertise, grpcPort }: ParsedConfig['cluster'], context: Compiling): string | undefined {
  if (advertise === undefined) return undefined;
  const parsed = parseHostPort(advertise, grpcPort);
  const key: KeyPath = ['cluster', 'advertise'];
  const expected = 'HOST or HOST:PORT that agents can dial';
  if (parsed === undefined || isUnspecifiedHost(parsed.host)) {
    refuse(context, key, `cluster.advertise must be ${expected}`, expected);
    return undefined;
  }
  if (parsed.port === 0) {
    refuse(context, key, 'cluster.advertise must name a port, because cluster.grpcPort is 0', 'HOST:PORT');
    return undefined;
  }
  return joinHostPort(parsed.host, parsed.port);
}

function refuseSharedPort(server: ServerConfig, cluster: ClusterConfig, context: Compiling): void {
  if (server.port === 0 || server.port !== cluster.grpcPort) return;
  // Blame the one somebody chose.
  const chosen = context.sources.given(['cluster', 'grpcPort']) ? ['cluster', 'grpcPort'] : ['server', 'port'];
  refuse(context, chosen, `server.port and cluster.grpcPort are both ${server.port}`, 'two different ports');
}

function compileLimits(parsed: ParsedConfig['limits'], context: Compiling): LimitsConfig {
  const { firstEventMax, stallMax, modelLoadMax, ...rest } = parsed;
  const atLeast = (larger: keyof typeof rest, smaller: keyof typeof rest) => {
    if (rest[larger] >= rest[smaller]) return;
    const blamed = context.sources.given(['limits', larger]) ? larger : smaller;
    const problem = `limits.${larger} (${rest[larger]}) must not be below limits.${smaller} (${rest[smaller]})`;
    refuse(context, ['limits', blamed], problem, `limits.${larger} of ${rest[smaller]} or more`);
  };
  atLeast('heldBytes', 'maxBodyBytes');
  atLeast('nodeBufferBytes', 'streamBufferBytes');
  return { ...rest, firstEventMaxMs: firstEventMax, stallMaxMs: stallMax, modelLoadMaxMs: modelLoadMax };
}

function compileCache({ ttl, ...rest }: ParsedConfig['cache']): CacheConfig {
  return { ...rest, ttlMs: ttl };
}

/** 0 leaves it to Ollama, as not setting it does. */
function compileEngineSettings(parsed: ParsedConfig['local']): LocalConfig['engines'] {
  return {
    slots: parsed.slots,
    numParallel: parsed.ollamaNumParallel || undefined,
    maxLoadedModels: parsed.ollamaMaxLoadedModels || undefined,
    contextLength: parsed.ollamaContextLength || undefined,
  };
}

function compileDiscovery(parsed: ParsedConfig['local'], server: ServerConfig, context: Compiling): DiscoveryConfig {
  const found = parseOllamaHost(parsed.ollamaHost);
  let ollamaUrl = found ?? 'http://127.0.0.1:11434';
  if (found === undefined) {
    const expected = 'an address such as 127.0.0.1:11434';
    refuseValue(context, ['local', 'ollamaHost'], `must be ${expected}`, expected);
  } else if (isOwnAddress(found, server)) {
    // People set OLLAMA_HOST for their clients, to Waggle.
    ollamaUrl = 'http://127.0.0.1:11434';
    const { where } = context.sources.of(['local', 'ollamaHost']);
    context.notes.push(`${where} names Waggle's own address; Ollama is looked for at 127.0.0.1:11434 instead.`);
  }
  if (parsed.engineUrl === undefined) return { only: undefined, ollamaUrl };
  const only = parseEngineUrl(parsed.engineUrl);
  if (!only.ok) {
    refuseValue(context, ['local', 'engineUrl'], only.problem, 'an http address');
    return { only: undefined, ollamaUrl };
  }
  if (isOwnAddress(only.url, server)) {
    refuseValue(context, ['local', 'engineUrl'], "is Waggle's own address", 'the address of an engine');
  }
  return { only: { dialect: only.dialect, url: only.url }, ollamaUrl };
}

function compileData(written: string | undefined, context: Compiling): DataConfig {
  const { kind, where } = context.sources.of(['data']);
  const folder = written === undefined ? defaultDataFolder(context.inputs) : fromWriter(['data'], written, context);
  if (folder === undefined) {
    refuse(context, ['data'], 'this user has no home folder to keep data in; name one with --data DIR', '--data DIR');
  }
  return { folder: folder ?? '', source: kind === 'default' ? 'default' : where };
}

function compileLogging(parsed: ParsedConfig['logging'], context: Compiling): LoggingConfig {
  const { level, file, maxFileBytes: maxBytes, maxFiles, maxLinesPerSecond } = parsed;
  if (file === undefined) return { level, maxLinesPerSecond, file: undefined };
  const filePath = fromWriter(['logging', 'file'], file, context);
  return { level, maxLinesPerSecond, file: { path: filePath, maxBytes, maxFiles } };
}

/** A path in the file is relative to the file, any other to the folder the program was started in. */
function fromWriter(key: KeyPath, written: string, { sources, inputs, file }: Compiling): string {
  const isInFile = file !== undefined && sources.of(key).kind === 'file';
  return resolvePath(written, isInFile ? path.dirname(file) : inputs.workingFolder, inputs);
}

function refuse({ problems, sources }: Compiling, key: KeyPath, problem: string, expected: string): void {
  problems.push({ key: showPath(key), source: sources.of(key).where, problem, expected });
}

function refuseValue(context: Compiling, key: KeyPath, problem: string, expected: string): void {
  refuse(context, key, aboutKey(key, problem, context.sources), expected);
}

function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) freezeDeep(part);
  return Object.freeze(value);
}
