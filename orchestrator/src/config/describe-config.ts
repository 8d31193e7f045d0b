// What a configuration means, for `--check-config`.
import { isDeepStrictEqual } from 'node:util';
import { joinHostPort } from '@waggle/shared/addresses/hosts.ts';
import type { CompiledConfig } from './compiled-config.ts';
import type { ConfigError } from './config-error.ts';
import { factsAt } from './key-index.ts';
import { configSchema } from './schema.ts';
import { type KeyPath, showPath } from './sources.ts';
import { showDuration, showSize } from './units.ts';

export interface ConfigReport {
  /** Whether Waggle starts with it. */
  readonly valid: boolean;
  /** Absolute path of the file that was read. */
  readonly file?: string;
  /** What is wrong, in the order of the file. */
  readonly problems: readonly {
    readonly key: string;
    readonly source: string;
    readonly message: string;
    readonly expected: string;
  }[];
  /** Where clients and agents come in, and where things are kept; absent where something is wrong. */
  readonly places?: { readonly clients: string; readonly agents: string; readonly data: string };
  /** What differs from the defaults, as one would write it, and who says so. */
  readonly values: readonly { readonly key: string; readonly value: unknown; readonly source: string }[];
  readonly notices: readonly string[];
}

/** Values that nobody is to see on a screen. */
const hidden = '(secret)';

export function describeConfig(config: CompiledConfig): ConfigReport {
  const { server, cluster } = config;
  const token =
    cluster.joinToken !== undefined || cluster.needsMadeToken ? 'with a join token' : 'without a join token';
  return {
    valid: true,
    ...(config.file !== undefined && { file: config.file }),
    problems: [],
    places: {
      clients: `http://${joinHostPort(server.host, server.port)}${server.basePath}`,
      agents: `${joinHostPort(cluster.host, cluster.grpcPort)}, ${token}`,
      data: config.data.folder,
    },
    values: changedValues(config),
    notices: config.notices,
  };
}

export function describeRefusal(error: ConfigError): ConfigReport {
  const problems = [error, ...error.also].map(({ key, source, message, expected }) => {
    return { key, source, message, expected };
  });
  return { valid: false, problems, values: [], notices: [] };
}

/** The report for people, with a line end. */
export function showReport({ file, problems, places, values, notices }: ConfigReport): string {
  if (places === undefined) return problems.map(({ message }) => `${message}\n`).join('');
  const rows = values.map(({ key, value, source }) => ({ left: `${key}: ${showValue(value)}`, source }));
  const width = Math.max(0, ...rows.map(({ left }) => left.length).filter((length) => length <= 60)) + 2;
  return [
    `${file ?? 'No configuration file'}: nothing wrong.`,
    '',
    `  clients at   ${places.clients}`,
    `  agents at    ${places.agents}`,
    `  data in      ${places.data}`,
    '',
    rows.length === 0 ? 'Everything is as it is by default.' : 'What differs from the defaults:',
    ...rows.map(({ left, source }) => `  ${left.padEnd(width)}  ${source}`),
    ...(notices.length === 0 ? [] : ['', ...notices]),
    '',
  ].join('\n');
}

function showValue(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}

function changedValues({ settings, sources }: CompiledConfig): ConfigReport['values'] {
  const defaults: unknown = configSchema.parse({});
  return leavesOf(settings).flatMap(([path, value]) => {
    const { defaultValue, secret, unit } = factsAt(configSchema, path);
    if (isDeepStrictEqual(value, valueAt(defaults, path) ?? defaultValue)) return [];
    return [{ key: showPath(path), value: secret ? hidden : asWritten(value, unit), source: sources.of(path).where }];
  });
}

/** Lists of texts are values; lists of nodes are not. */
function leavesOf(value: unknown, path: KeyPath = []): [KeyPath, unknown][] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null) return [[path, value]];
  if (!Array.isArray(value)) return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
  const isOfMappings = value.some((item) => typeof item === 'object' && item !== null);
  return isOfMappings ? value.flatMap((item, index) => leavesOf(item, [...path, index])) : [[path, value]];
}

function valueAt(tree: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[step] : undefined,
    tree,
  );
}

function asWritten(value: unknown, unit: string | undefined): unknown {
  if (unit === undefined || typeof value !== 'number') return value;
  return unit.startsWith('bytes') ? showSize(value) : showDuration(value);
}
