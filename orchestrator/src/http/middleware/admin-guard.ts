import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from '@waggle/shared/addresses/hosts.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Handler } from '../route.ts';

export interface AdminRules {
  /** Undefined: there is none, and only peers on this machine are let in. */
  readonly adminToken: string | undefined;
  readonly remoteAdmin: boolean;
}

/** Puts the guard in front of a route that changes models, nodes or configuration. */
export type AdminGuard = (handler: Handler) => Handler;

export function createAdminGuard(rules: AdminRules): AdminGuard {
  const isAdmin = createAdminCheck(rules);
  return (handler) => (context) => {
    if (!isAdmin(context.env.incoming)) {
      throw new ClusterError(
        'forbidden',
        'changing models needs a client on this machine, the admin token of the data folder as Bearer, or server.remoteAdmin: true',
      );
    }
    return handler(context);
  };
}

function createAdminCheck({ adminToken, remoteAdmin }: AdminRules): (incoming: IncomingMessage) => boolean {
  const expected = adminToken === undefined ? undefined : digest(adminToken);
  return (incoming) => {
    if (remoteAdmin || isLocalPeer(incoming)) return true;
    const given = /^Bearer +(\S+) *$/i.exec(incoming.headers.authorization ?? '')?.[1];
    return expected !== undefined && given !== undefined && timingSafeEqual(digest(given), expected);
  };
}

/** A reverse proxy on this machine speaks for others, so what it forwards is not local. */
function isLocalPeer({ headers, socket }: IncomingMessage): boolean {
  const isForwarded =
    headers['x-forwarded-for'] !== undefined ||
    headers['forwarded'] !== undefined ||
    headers['x-real-ip'] !== undefined;
  return !isForwarded && isLoopbackHost(socket.remoteAddress ?? '');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
