import { once } from 'node:events';
import { createServer } from 'node:net';
import { isLoopbackHost, toDialledAddress } from '@waggle/shared/addresses/hosts.ts';
import { type Environment, readVariable } from '@waggle/shared/process/variables.ts';
import type { Finding } from './finding.ts';

const usualPort = 50_051;

/**
 * Whether an orchestrator could open its port for agents here, where none answers at `url`. The configuration file is not read:
 * the port is that of the environment, or the usual one.
 */
export async function checkGrpcPort(environment: Environment, url: string): Promise<Finding[]> {
  if (!isLoopbackHost(toDialledAddress(new URL(url)).host)) return [];
  const variables = ['WAGGLE_CLUSTER_GRPC_PORT', 'WAGGLE_GRPC_PORT'].map((name) => readVariable(environment, name));
  const port = Number(variables.find((text) => text !== undefined) ?? usualPort);
  const check = 'gRPC port';
  const code = await tryListening(port);
  if (code === undefined) return [{ check, level: 'ok', found: `${port}, for agents, is free` }];
  const found = code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be opened (${code})`;
  const mend =
    'start Waggle with another --grpc-port PORT, or stop that program; if it is Waggle, say where with --url';
  return [{ check, level: 'bad', found: `${port}, for agents, ${found}`, mend }];
}

/** The code of what is wrong; undefined: nothing. */
async function tryListening(port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
  } finally {
    server.close();
  }
}
