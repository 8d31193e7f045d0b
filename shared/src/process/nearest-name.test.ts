import { expect, test } from 'vitest';
import { nearestName } from './nearest-name.ts';

const KEYS = ['host', 'port', 'readTimeout', 'writeTimeout', 'queueSize', 'grpcPort'];

test.each([
  ['prot', 'port'],
  ['redTimeout', 'readTimeout'],
  ['read_timeout', 'readTimeout'],
  ['QUEUESIZE', 'queueSize'],
  ['writeTimout', 'writeTimeout'],
  ['grpc-port', 'grpcPort'],
])('%s means %s', (word, meant) => {
  expect(nearestName(word, KEYS)).toBe(meant);
});

test.each(['colour', 'x', '', 'y'.repeat(10_000)])('%s means nothing known', (word) => {
  expect(nearestName(word, KEYS)).toBeUndefined();
});
