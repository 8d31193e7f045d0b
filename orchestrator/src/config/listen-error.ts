import { joinHostPort } from '@waggle/shared/addresses/hosts.ts';
import { ConfigError } from './config-error.ts';
import { type KeyPath, type SourceLookup, showPath } from './sources.ts';

/** The keys, and the flag, that decide where a port is opened. */
export interface ListenKeys {
  readonly host: KeyPath;
  readonly port: KeyPath;
  /** `--port` and the like. */
  readonly portFlag: string;
}

export const httpKeys: ListenKeys = { host: ['server', 'host'], port: ['server', 'port'], portFlag: '--port' };
export const grpcKeys: ListenKeys = {
  host: ['cluster', 'host'],
  port: ['cluster', 'grpcPort'],
  portFlag: '--grpc-port',
};

/** The error of a socket as a ConfigError with the key to change; what is not about the address is handed back as it is. */
export function toListenError(
  error: unknown,
  where: { readonly host: string; readonly port: number },
  { keys, sources }: { readonly keys: ListenKeys; readonly sources: SourceLookup },
): unknown {
  const address = joinHostPort(where.host, where.port);
  const port = `${showPath(keys.port)} (${keys.portFlag})`;
  const refuse = (key: KeyPath, problem: string, expected: string) =>
    new ConfigError({ key: showPath(key), source: sources.of(key).where, problem, expected }, { cause: error });
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return refuse(
        keys.port,
        `${address} is taken by another program: choose another ${port}, or stop that program`,
        'a free port',
      );
    case 'EACCES':
      return refuse(keys.port, `this user may not open ${address}: choose a ${port} above 1023`, 'a port above 1023');
    case 'EADDRNOTAVAIL':
    case 'EINVAL':
    case 'EAI_AGAIN':
    case 'ENOTFOUND': {
      const host = showPath(keys.host);
      return refuse(
        keys.host,
        `${where.host} is no address of this machine: correct ${host}`,
        'an address of this machine',
      );
    }
    default:
      return error;
  }
}
