import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { LogFacts } from '@waggle/shared/observing/logger.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { beforeEach, expect, test } from 'vitest';
import { ConnectionGate, toPeerNetwork } from './connection-gate.ts';

/** The end of a connection that a gate sees. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number;
  isDestroyed = false;

  constructor(remoteAddress: string | undefined, remotePort: number) {
    super();
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  bytesRead = 0;

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.emit('close');
  }
}

let clock: HandClock;
let gate: ConnectionGate;
let refusals: LogFacts[];
let lastPort: number;

beforeEach(() => {
  clock = new HandClock();
  refusals = [];
  lastPort = 1_000;
  const warn = (event: string, facts: LogFacts = {}) => {
    if (event === 'grpc-connections-refused') refusals.push(facts);
  };
  gate = new ConnectionGate({ clock, logger: { ...silentLogger, warn } });
});

function connect(address: string, count = 1): FakeSocket[] {
  return Array.from({ length: count }, () => {
    lastPort++;
    const socket = new FakeSocket(address, lastPort);
    expect(gate.admit(socket as unknown as Socket)).toBe(!socket.isDestroyed);
    return socket;
  });
}

const openOf = (sockets: readonly FakeSocket[]) => sockets.filter(({ isDestroyed }) => !isDestroyed).length;

test('strangers of one address are bounded; those elsewhere are not kept out by them', () => {
  expect(openOf(connect('10.0.0.1', 100))).toBe(64);
  expect(openOf(connect('10.0.0.2', 10))).toBe(10);
  expect(gate.strangers).toBe(74);
});

test('strangers are bounded in all', () => {
  const open = Array.from({ length: 10 }, (_, host) => openOf(connect(`10.0.0.${host}`, 64)));
  expect(open).toEqual([64, 64, 64, 64, 0, 0, 0, 0, 0, 0]);
});

test('who has authenticated is no stranger any more, and who has gone makes room, each once', () => {
  const sockets = connect('10.0.0.1', 64);
  const [first, second, third] = sockets;
  gate.authenticated(`10.0.0.1:${first?.remotePort}`);
  gate.authenticated(`10.0.0.1:${first?.remotePort}`);
  second?.destroy();
  first?.destroy();
  expect(gate.strangers).toBe(62);
  expect(openOf(connect('10.0.0.1', 10))).toBe(2);
  gate.authenticated('10.0.0.9:1');
  expect([gate.strangers, third?.isDestroyed]).toEqual([64, false]);
});

test('a stranger that stays one is cut off; who has authenticated stays', async () => {
  const [stranger, agent] = connect('10.0.0.1', 2);
  gate.authenticated(`10.0.0.1:${agent?.remotePort}`);
  await clock.advance(14_000);
  expect(stranger?.isDestroyed).toBe(false);
  await clock.advance(1_000);
  expect([stranger?.isDestroyed, agent?.isDestroyed, gate.strangers, clock.pending]).toEqual([true, false, 0, 0]);
});

test('a stranger that sends more than a registration is cut off, also when it sends it late; who has authenticated may', async () => {
  const [first, late, agent] = connect('10.0.0.1', 3);
  if (first === undefined || late === undefined || agent === undefined) throw new Error('too few');
  for (const socket of [first, agent]) socket.bytesRead = 2e6;
  gate.authenticated(`10.0.0.1:${agent.remotePort}`);
  await clock.advance(100);
  expect([first.isDestroyed, late.isDestroyed, agent.isDestroyed]).toEqual([true, false, false]);
  late.bytesRead = 1.2e6;
  await clock.advance(1_000);
  expect(late.isDestroyed).toBe(false);
  late.bytesRead = 2e6;
  await clock.advance(100);
  expect([late.isDestroyed, clock.pending]).toEqual([true, 0]);
});

test('one line tells of the first refusal, and one every ten seconds of all others', async () => {
  connect('10.0.0.1', 164);
  expect(refusals).toEqual([{ refused: 1, address: '10.0.0.1', unauthenticated: 64 }]);
  await clock.advance(9_999);
  connect('10.0.0.1', 10);
  expect(refusals).toHaveLength(1);
  await clock.advance(1);
  expect(refusals.map(({ refused }) => refused)).toEqual([1, 109]);
});

test('a flood that goes on has a line every ten seconds', async () => {
  for (let second = 0; second < 60; second++) {
    connect('10.0.0.1', 100);
    await clock.advance(1_000);
  }
  expect(refusals.length).toBeGreaterThanOrEqual(6);
  expect(refusals.length).toBeLessThanOrEqual(7);
});

test('a connection that is over before it was looked at is not counted', () => {
  expect(gate.admit(new FakeSocket(undefined, 1) as unknown as Socket)).toBe(false);
  expect(gate.strangers).toBe(0);
});

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
  ['::1', '0:0:0:0'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('%s belongs to %s', (address, network) => {
  expect(toPeerNetwork(address)).toBe(network);
});
