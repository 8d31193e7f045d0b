import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isLoopbackHost } from '@waggle/shared/addresses/hosts.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Handler } from '../route.ts';
import type { HostCheck } from './host-check.ts';

export interface AdminRules {
  /** Undefined: there is none, and only peers on this machine are let in. */
  readonly adminToken: string | undefined;
  readonly remoteAdmin: boolean;
  /** Whether a Host header names this very machine. */
  readonly isOwnHost: HostCheck;
}

/** Puts the guard in front of a route that changes models, nodes or configuration. */
export type AdminGuard = (handler: Handler) => Handler;

export function createAdminGuard(rules: AdminRules): AdminGuard {
  const isAdmin = createAdminCheck(rules);
  return (handler) => (context) => {
    if (!isAdmin(context.env.incoming)) {
      throw new ClusterError(
        'forbidden',
        'changing models needs a client on this machine that calls it localhost, by its own address or a name in server.hosts, the admin token of the data folder as Bearer, or server.remoteAdmin: true',
      );
    }
    return handler(context);
  };
}

function createAdminCheck({ adminToken, remoteAdmin, isOwnHost }: AdminRules): (incoming: IncomingMessage) => boolean {
  const expected = adminToken === undefined ? undefined : digest(adminToken);
  return (incoming) => {
    if (remoteAdmin || isLocalPeer(incoming, isOwnHost)) return true;
    const given = /^Bearer +(\S+) *$/i.exec(incoming.headers.authorization ?? '')?.[1];
    return expected !== undefined && given !== undefined && timingSafeEqual(digest(given), expected);
  };
}

/**
 * A reverse proxy on this machine speaks for others, so what it forwards is not local. Nor is what a page brings a browser on this machine
 * to send, by a name of the page's own that suddenly leads here: to the browser it is the page's own server, so that no Origin gives it
 * away, and only the Host does. A page of another origin does not come as far as this: the gate judges each Origin by the list.
 */
function isLocalPeer({ headers, socket }: IncomingMessage, isOwnHost: HostCheck): boolean {
  const isForwarded =
    headers['x-forwarded-for'] !== undefined ||
    headers['forwarded'] !== undefined ||
    headers['x-real-ip'] !== undefined;
  return !isForwarded && isFromHere(socket) && isOwnHost(headers.host);
}

/** Who asks at an address of this machine's network comes from that very address. */
function isFromHere({ remoteAddress, localAddress }: Pick<Socket, 'remoteAddress' | 'localAddress'>): boolean {
  return remoteAddress !== undefined && (isLoopbackHost(remoteAddress) || remoteAddress === localAddress);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
