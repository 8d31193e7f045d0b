import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { findLanAddress } from './lan-address.ts';

function at(address: string, internal = false): NetworkInterfaceInfo[] {
  return [{ address, internal, family: 'IPv4', netmask: '255.255.255.0', mac: '', cidr: null }];
}

test('neither loopback nor what only containers see nor an address nobody gave', () => {
  const interfaces = {
    lo: at('127.0.0.1', true),
    docker0: at('172.17.0.1'),
    eth0: at('169.254.3.4'),
    wlan0: at('192.168.1.7'),
  };
  expect(findLanAddress(interfaces)).toBe('192.168.1.7');
  expect(findLanAddress({ lo: at('127.0.0.1', true), down: undefined })).toBe(undefined);
});
