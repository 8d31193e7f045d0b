import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { Handler } from '../route.ts';
import { createAdminGuard } from './admin-guard.ts';

interface Peer {
  readonly from: string;
  readonly to: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Whether a client may change models that comes from an address, to one of this machine's. */
function mayChange({ from, to, headers = {} }: Peer): boolean {
  const guard = createAdminGuard({ adminToken: 'secret', remoteAdmin: false, isOwnHost: (host) => host === 'here' });
  const socket = Object.defineProperties(new Socket(), { remoteAddress: { value: from }, localAddress: { value: to } });
  const incoming = Object.assign(new IncomingMessage(socket), { headers: { host: 'here', ...headers } });
  const handler = guard(() => new Response());
  try {
    void handler({ env: { incoming } } as unknown as Parameters<Handler>[0]);
    return true;
  } catch {
    return false;
  }
}

test.each<[boolean, string, Peer]>([
  [true, 'loopback', { from: '127.0.0.1', to: '127.0.0.1' }],
  [true, 'its own address of the network', { from: '192.0.2.2', to: '192.0.2.2' }],
  [true, 'the same over IPv6', { from: '::ffff:192.0.2.2', to: '::ffff:192.0.2.2' }],
  [false, 'another machine', { from: '192.0.2.3', to: '192.0.2.2' }],
  [
    true,
    'another machine with the token',
    { from: '192.0.2.3', to: '192.0.2.2', headers: { authorization: 'Bearer secret' } },
  ],
  [
    false,
    'a proxy on this machine',
    { from: '127.0.0.1', to: '127.0.0.1', headers: { 'x-forwarded-for': '192.0.2.3' } },
  ],
  [
    false,
    'a page that brings a name of its own',
    { from: '192.0.2.2', to: '192.0.2.2', headers: { host: 'evil.example' } },
  ],
])('%s: %s', (expected, _, peer) => {
  expect(mayChange(peer)).toBe(expected);
});
