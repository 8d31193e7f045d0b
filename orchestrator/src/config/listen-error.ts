import { joinHostPort } from '@waggle/shared/addresses/hosts.ts';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';

/** The keys, and the flags, that decide where a port is opened. */
export interface ListenKeys {
  readonly host: string;
  readonly port: string;
  /** `--port` and the like. */
  readonly portFlag: string;
}

export const httpKeys: ListenKeys = { host: 'server.host', port: 'server.port', portFlag: '--port' };
export const grpcKeys: ListenKeys = { host: 'cluster.host', port: 'cluster.grpcPort', portFlag: '--grpc-port' };

/** Why a port could not be opened, in one sentence. */
class ListenError extends UsageError {
  override readonly name = 'ListenError';
  /** The configuration key to change. */
  readonly key: string;

  constructor(key: string, message: string, cause: unknown) {
    super(message, { cause });
    this.key = key;
  }
}

/** The error of a socket in words; what is not about the address is handed back as it is. */
export function toListenError(
  error: unknown,
  where: { readonly host: string; readonly port: number },
  keys: ListenKeys,
): unknown {
  const address = joinHostPort(where.host, where.port);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return new ListenError(
        keys.port,
        `${address} is taken by another program: choose another ${keys.port} (${keys.portFlag}), or stop that program`,
        error,
      );
    case 'EACCES':
      return new ListenError(
        keys.port,
        `this user may not open ${address}: choose a ${keys.port} (${keys.portFlag}) above 1023`,
        error,
      );
    case 'EADDRNOTAVAIL':
    case 'EINVAL':
    case 'EAI_AGAIN':
    case 'ENOTFOUND':
      return new ListenError(keys.host, `${where.host} is no address of this machine: correct ${keys.host}`, error);
    default:
      return error;
  }
}
