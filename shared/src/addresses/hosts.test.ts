import { expect, test } from 'vitest';
import { isLoopbackHost, joinHostPort, parseHost, parseHostPort, toDialledAddress } from './hosts.ts';

test.each(['127.0.0.1', '::1', 'localhost', 'gpu-box.lan', 'my_box', 'fe80::1%eth0', 'example.com.'])(
  '%s is a host',
  (host) => {
    expect(parseHost(host)).toBe(host);
  },
);

test('brackets around IPv6 are taken off', () => {
  expect(parseHost('[::1]')).toBe('::1');
});

test.each(['', ' ', 'a b', '1.2.3', '999.1.1.1', '1234', 'http://x', 'x:1', '-x', 'a..b', '[x]', 'x'.repeat(300)])(
  '%j is no host',
  (text) => {
    expect(parseHost(text)).toBeUndefined();
  },
);

test.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST', 'a.localhost', '::ffff:127.0.0.1'])(
  '%s is loopback',
  (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  },
);

test.each(['0.0.0.0', '::', '192.168.1.2', 'localhost.example.com', '127.example.com', '128.0.0.1'])(
  '%s is not loopback',
  (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  },
);

test.each([
  ['192.168.1.2', '192.168.1.2:7'],
  ['192.168.1.2:50051', '192.168.1.2:50051'],
  ['[::1]:80', '[::1]:80'],
  ['fe80::1', '[fe80::1]:7'],
  ['box:1', 'box:1'],
])('%s is %s with port 7 as default', (text, joined) => {
  const parsed = parseHostPort(text, 7);
  expect(parsed && joinHostPort(parsed.host, parsed.port)).toBe(joined);
});

test.each(['', ':1', 'box:', 'box:0', 'box:65536', 'box:1:2', 'http://box:1'])('%j is no address', (text) => {
  expect(parseHostPort(text, 7)).toBeUndefined();
});

test.each([
  ['http://Box/x', { host: 'box', port: 80 }],
  ['https://box', { host: 'box', port: 443 }],
  ['https://box:8443', { host: 'box', port: 8443 }],
  ['http://[::1]:8080/v1', { host: '::1', port: 8080 }],
])('%s is dialled at %o', (url, address) => {
  expect(toDialledAddress(new URL(url))).toEqual(address);
});
