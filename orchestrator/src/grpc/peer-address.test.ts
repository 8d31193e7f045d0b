import { expect, test } from 'vitest';
import { isLoopbackPeer } from './peer-address.ts';

test.each(['127.0.0.1:1', '127.1.2.3:50051', '::1:1234', '[::1]:1234', '::ffff:127.0.0.1:1'])(
  '%s is this machine',
  (peer) => {
    expect(isLoopbackPeer(peer)).toBe(true);
  },
);

test.each(['10.0.0.1:1', '192.168.127.1:1', 'fe80::1:1234', '::ffff:10.0.0.1:1', 'unknown', '', '127.evil.example:1'])(
  '%s is not',
  (peer) => {
    expect(isLoopbackPeer(peer)).toBe(false);
  },
);
