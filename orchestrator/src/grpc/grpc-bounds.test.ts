import { connect as connectSocket, type Socket } from 'node:net';
import { makeJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { RecordingEvents } from '@waggle/shared/lane-link/testing/recording-events.ts';
import { settle, until } from '@waggle/shared/lane-link/testing/waiting.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GrpcServer, type GrpcServerOptions, startGrpcServer } from './start-grpc-server.ts';
import { RawAgent } from './testing/raw-agent.ts';

let clock: HandClock;
let events: RecordingEvents;
let server: GrpcServer;
let agents: RawAgent[];
let sockets: Socket[];

beforeEach(() => {
  clock = new HandClock();
  events = new RecordingEvents();
  agents = [];
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const agent of agents) agent.close();
  const closed = server.close();
  await clock.advance(1_000);
  await closed;
  expect(events.violations).toEqual([]);
});

async function start(options: Partial<GrpcServerOptions> = {}): Promise<void> {
  server = await startGrpcServer(
    { host: '127.0.0.1', port: 0, clusterId: 'c1', lanesPerNode: 4, logger: silentLogger, clock, ...options },
    events,
  );
}

function connect(): RawAgent {
  const agent = new RawAgent(server.port);
  agents.push(agent);
  return agent;
}

async function join(): Promise<RawAgent> {
  const agent = connect();
  expect(await agent.register()).toMatchObject({ type: 'welcome' });
  return agent;
}

function knock(): Socket {
  const socket = connectSocket(server.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  sockets.push(socket);
  return socket;
}

const isOpen = (socket: Socket) => !socket.closed;

describe('connections of strangers', () => {
  test('above 64 they are closed at once; a node is let in when there is room, and is not counted then', async () => {
    const lines: string[] = [];
    await start({ logger: { ...silentLogger, warn: (event) => void lines.push(event) } });
    await join();
    for (let count = 0; count < 100; count++) knock();
    await until(() => sockets.filter(isOpen).length === 64);
    await settle(50);
    expect(sockets.filter(isOpen)).toHaveLength(64);
    expect(lines).toEqual(['grpc-connections-refused']);
    const late = connect();
    await until(() => late.isOver);
    for (const socket of sockets) socket.destroy();
    await settle(50);
    await join();
  });

  test('one that only keeps its streams open is cut off after 15 s, a node is not', async () => {
    await start();
    const agent = await join();
    const idle = knock();
    const talker = connect();
    await talker.frames.next();
    // Streams that are refused one after the other are no proof of anything.
    for (let second = 0; second < 16; second++) {
      agent.say({ type: 'heartbeat' });
      talker.open('e1');
      await settle(20);
      await clock.advance(1_000);
    }
    await until(() => !isOpen(idle) && talker.isOver);
    expect([agent.isOver, events.link !== undefined]).toEqual([false, true]);
    const lane = agent.open('e1', 1);
    await lane.frames.next();
  });
});

describe('what a peer may send before it has proved that it belongs to the cluster', () => {
  test('is a registration: one that sends more is cut off, a node is not', async () => {
    await start();
    const [agent, stranger] = [await join(), connect()];
    await stranger.frames.next();
    // Far below the most that grpc takes for one message.
    const noise = { timeMs: 1, level: 'info', event: 'noise', factsJson: 'x'.repeat(1_500_000) } as const;
    for (const each of [agent, stranger]) each.say({ type: 'log-batch', entries: [noise], dropped: 0 });
    const began = clock.now();
    while (!stranger.isOver) {
      agent.say({ type: 'heartbeat' });
      await settle(200);
      await clock.advance(100);
    }
    // Long before it is too late to register.
    expect(clock.now() - began).toBeLessThan(9_000);
    expect([agent.isOver, events.link !== undefined]).toEqual([false, true]);
  });
});

describe('log lines of nodes', () => {
  test('a log line of a node is written with its name; a node that floods is cut short', async () => {
    const lines: { readonly event: string; readonly facts: unknown }[] = [];
    const write = (event: string, facts: unknown) => void lines.push({ event, facts });
    await start({ logger: { ...silentLogger, info: write, warn: write } });
    const agent = await join();
    const entry = { timeMs: 1_000, level: 'info', event: 'engine-up', factsJson: '{"engine":"e1"}' } as const;
    agent.say({ type: 'log-batch', entries: [entry], dropped: 0 });
    await until(() => lines.length === 1);
    expect(lines).toEqual([
      { event: 'engine-up', facts: { node: 'desk', nodeTime: '1970-01-01T00:00:01.000Z', engine: 'e1' } },
    ]);
    agent.say({ type: 'log-batch', entries: Array.from({ length: 1_500 }, () => entry), dropped: 2 });
    agent.say({ type: 'pong', id: 999, bootId: 'b1' });
    await until(() => lines.length > 1);
    await settle(20);
    expect(lines.length).toBeLessThanOrEqual(201);
    for (let second = 0; second < 10; second++) {
      agent.say({ type: 'heartbeat' });
      await settle(20);
      await clock.advance(1_000);
    }
    expect(lines.at(-1)).toMatchObject({
      event: 'node-log-lines-dropped',
      facts: { node: 'desk', droppedByNode: 2, droppedHere: { info: expect.any(Number) } },
    });
    expect(events.link).toBeDefined();
  });

  test('lines of a peer that is not in the cluster are not written', async () => {
    const lines: string[] = [];
    const write = (event: string) => void lines.push(event);
    await start({ joinToken: makeJoinToken(), logger: { ...silentLogger, info: write, error: write } });
    const stranger = connect();
    await stranger.frames.next();
    const entry = { timeMs: 1_000, level: 'error', event: 'engine-down', factsJson: '' } as const;
    stranger.say({ type: 'log-batch', entries: [entry], dropped: 1 });
    await settle(50);
    expect(lines).toEqual([]);
  });
});
