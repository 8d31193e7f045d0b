import { describe, expect, it } from 'vitest';
import { createHostCheck, createOwnHostCheck } from './host-check.ts';

describe('on a loopback port', () => {
  const isAllowed = createHostCheck('127.0.0.1', ['waggle.example', '*.lan.example'], 'my-desk');

  it.each([
    'localhost',
    'LocalHost:3001',
    'localhost:',
    '127.0.0.1:',
    '[::1]:',
    '127.0.0.1:3001',
    '192.168.1.7:3001',
    '[::1]:3001',
    '[::1]',
    'my-desk',
    'MY-DESK:80',
    'printer.local',
    'a.localhost:3001',
    'host.docker.internal:3001',
    'waggle.example',
    'chat.lan.example:3001',
  ])('lets %s in', (host) => {
    expect(isAllowed(host)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'evil.example',
    'evil.example:3001',
    'localhost.evil.example',
    'notlocalhost',
    'my-desk.evil.example',
    'lan.example',
    '.local',
    'local',
    'localhost, evil.example',
    'localhost evil.example',
    'localhost:3001:3001',
    'localhost:port',
    'user@localhost',
    'localhost/path',
    'localhost\\evil.example',
    '127.0.0.1.evil.example',
    '127.1@evil.example',
    '[::1',
    '[evil]',
    'xn--lcalhost-',
  ])('keeps %s out', (host) => {
    expect(isAllowed(host)).toBe(false);
  });
});

it.each(['0.0.0.0', '::', '192.168.1.7'])('takes any Host on %s, but wants one', (listenHost) => {
  const isAllowed = createHostCheck(listenHost, []);
  expect(isAllowed('evil.example')).toBe(true);
  expect(isAllowed('')).toBe(false);
  expect(isAllowed(undefined)).toBe(false);
});

describe('what names this very machine', () => {
  const isOwn = createOwnHostCheck(['waggle.example', '*.lan.example'], {
    ownName: 'My-Desk',
    ownAddresses: () => ['127.0.0.1', '192.168.1.7', 'fd00::7'],
  });

  it.each([
    'localhost:3001',
    '127.0.0.1',
    '127.1.2.3:3001',
    '[::1]:3001',
    'a.localhost',
    'my-desk:3001',
    '192.168.1.7:3001',
    '[fd00::7]:3001',
    'waggle.example',
    'chat.lan.example',
  ])('is %s', (host) => {
    expect(isOwn(host)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'evil.example:3001',
    'evil.local',
    'evil.internal',
    '192.168.1.8:3001',
    '0.0.0.0:3001',
    'localhost.evil.example',
    'lan.example',
    'my-desk.evil.example',
  ])('is not %s', (host) => {
    expect(isOwn(host)).toBe(false);
  });

  it('takes the addresses the machine has now', () => {
    expect(createOwnHostCheck([])('203.0.113.77')).toBe(false);
    expect(createOwnHostCheck([])('[::1]')).toBe(true);
  });
});
