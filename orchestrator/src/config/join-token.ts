import path from 'node:path';
import { formatJoinToken, type JoinToken, makeJoinToken, parseJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import { readOrMakeSecret } from '@waggle/shared/data-folder/secret-file.ts';
import type { ClusterConfig } from './compiled-config.ts';
import { ConfigError } from './config-error.ts';
import type { DataFolder } from './data-folder.ts';

const FILE = 'join-token';

/**
 * The token agents must know: the configured one, else (with `cluster.lan`) the one kept in the data folder, made there
 * once, so that agents find their way back after a restart. Undefined while the gRPC port is on loopback without one.
 *
 * @throws ConfigError when the kept one cannot be read or written
 */
export function resolveJoinToken(
  { joinToken, needsMadeToken }: Pick<ClusterConfig, 'joinToken' | 'needsMadeToken'>,
  { path: folder, source }: Pick<DataFolder, 'path' | 'source'>,
): JoinToken | undefined {
  if (joinToken !== undefined || !needsMadeToken) return joinToken;
  const file = path.join(folder, FILE);
  const refuse = (problem: string, cause?: unknown) =>
    new ConfigError(
      { key: 'cluster.joinToken', source, problem, expected: 'a join token in a readable file' },
      { cause },
    );
  let text: string;
  try {
    text = readOrMakeSecret(file, () => formatJoinToken(makeJoinToken()));
  } catch (cause) {
    throw refuse(`the join token in ${file} cannot be used: ${describeFileError(cause)}`, cause);
  }
  const result = parseJoinToken(text);
  if (!result.ok) throw refuse(`${file} is damaged; delete it and a new one is made`);
  return result.token;
}
