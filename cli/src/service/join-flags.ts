import { parseArgs } from 'node:util';
import { parseJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';

/** The agent's flags as a service has them. */
export interface ServiceFlags {
  /** Without the token and the data folder. */
  readonly flags: readonly string[];
  readonly token: string | undefined;
  /** As somebody wrote it. */
  readonly data: string | undefined;
  readonly drainSeconds: string | undefined;
}

const options = {
  token: { type: 'string' },
  data: { type: 'string' },
  'drain-timeout': { type: 'string' },
} as const;

/** @throws UsageError for a token that an agent would not start with */
export function readServiceFlags(args: readonly string[]): ServiceFlags {
  const { tokens, values } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const taken = new Set<number>();
  for (const token of tokens)
    if (token.kind === 'option' && (token.name === 'token' || token.name === 'data')) {
      taken.add(token.index);
      if (token.value !== undefined && !token.inlineValue) taken.add(token.index + 1);
    }
  const flags = args.filter((_, index) => !taken.has(index));
  const token = textOf(values.token);
  if (token !== undefined) {
    const read = parseJoinToken(token);
    if (!read.ok) throw new UsageError(`--token ${read.problem}`);
  }
  return { flags, token, data: textOf(values.data), drainSeconds: textOf(values['drain-timeout']) };
}

function textOf(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value.trim() : undefined;
}
