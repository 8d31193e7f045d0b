import { makeJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { RecordingEvents } from '@waggle/shared/lane-link/testing/recording-events.ts';
import { settle, until } from '@waggle/shared/lane-link/testing/waiting.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { encodeDeclined, encodeUp, retireFrame } from '@waggle/shared/wire/encode-lane-frames.ts';
import { protocolVersion } from '@waggle/shared/wire/protocol-version.ts';
import { beat } from '@waggle/shared/wire/services.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GrpcServer, type GrpcServerOptions, startGrpcServer } from './start-grpc-server.ts';
import { RawAgent } from './testing/raw-agent.ts';

let clock: HandClock;
let events: RecordingEvents;
let server: GrpcServer | undefined;
let agents: RawAgent[];

beforeEach(() => {
  clock = new HandClock();
  events = new RecordingEvents();
  agents = [];
});

afterEach(async () => {
  for (const agent of agents) agent.close();
  const closed = server?.close();
  await clock.advance(1_000);
  await closed;
  expect(events.violations).toEqual([]);
});

async function start(options: Partial<GrpcServerOptions> = {}): Promise<number> {
  server = await startGrpcServer(
    { host: '127.0.0.1', port: 0, clusterId: 'c1', lanesPerNode: 4, logger: silentLogger, clock, ...options },
    events,
  );
  return server.port;
}

function connect(port: number, options: ConstructorParameters<typeof RawAgent>[1] = {}): RawAgent {
  const agent = new RawAgent(port, options);
  agents.push(agent);
  return agent;
}

async function join(options: Partial<GrpcServerOptions> = {}): Promise<RawAgent> {
  const agent = connect(await start(options));
  expect(await agent.register()).toMatchObject({ type: 'welcome', epoch: 1, lanesPerNode: options.lanesPerNode ?? 4 });
  return agent;
}

describe('handshake', () => {
  test('a node that knows the token is let in, and no other', async () => {
    const joinToken = makeJoinToken();
    const port = await start({ joinToken });
    const wrong = await connect(port, { secret: makeJoinToken().secret }).register();
    expect(wrong).toEqual({
      type: 'refused',
      reason: 'bad-token',
      message: expect.stringMatching(
        /is not the one of the cluster; give it .+ --token TOKEN .+ prints the whole command/,
      ),
    });
    expect(await connect(port).register()).toMatchObject({
      type: 'refused',
      reason: 'bad-token',
      message: expect.stringMatching(/this agent has none; start it with --token TOKEN/),
    });
    expect(events.calls).toEqual([]);
    expect(await connect(port, { secret: joinToken.secret }).register()).toMatchObject({ type: 'welcome' });
    expect(events.calls).toEqual(['joined']);
  });

  test('a node with a token is told that the cluster has none', async () => {
    const answer = await connect(await start(), { secret: makeJoinToken().secret }).register();
    expect(answer).toMatchObject({
      type: 'refused',
      reason: 'bad-token',
      message: expect.stringContaining('has no join token'),
    });
  });

  test('a proof for another identity, or heard before, opens nothing', async () => {
    const joinToken = makeJoinToken();
    const port = await start({ joinToken });
    const { secret } = joinToken;
    const other = connect(port, { secret });
    expect(await other.register({ identity: { ...other.host.identity, nodeId: 'n2' } })).toMatchObject({
      reason: 'bad-token',
    });
    const heard = connect(port, { secret });
    expect(await heard.register()).toMatchObject({ type: 'welcome' });
    expect(await connect(port).register(heard.registration)).toMatchObject({ reason: 'bad-token' });
    const mixed = connect(port, { secret });
    expect(await mixed.register({ nonce: Buffer.alloc(32) })).toMatchObject({ reason: 'bad-token' });
    const short = connect(port, { secret });
    expect(await short.register({ nonce: Buffer.alloc(0), proof: Buffer.alloc(0) })).toMatchObject({
      reason: 'bad-token',
    });
  });

  test('another major version is refused, naming both; another minor is not', async () => {
    const port = await start();
    const answer = await connect(port).register({ protocol: { major: 2, minor: 7 } });
    expect(answer).toMatchObject({ type: 'refused', reason: 'incompatible' });
    expect(answer).toMatchObject({ message: expect.stringMatching(/protocol 1\.1, the node 2\.7/) });
    const newer = connect(port);
    expect(await newer.register({ protocol: { ...protocolVersion, minor: 99 } })).toMatchObject({ type: 'welcome' });
  });

  test('a node that never registers is cut off', async () => {
    const agent = connect(await start());
    await agent.frames.next();
    await clock.advance(10_001);
    await until(() => agent.isOver);
  });

  test('streams without the proof of a session are refused', async () => {
    const agent = await join();
    const forged = agent.open('e1', 1, 'f'.repeat(64));
    const elsewhere = connect(server?.port ?? 0).open('e1');
    await until(() => forged.isOver && elsewhere.isOver);
    expect([forged.error, elsewhere.error]).toEqual([
      expect.stringContaining('UNAUTHENTICATED'),
      expect.stringContaining('UNAUTHENTICATED'),
    ]);
    expect(events.lanes.size).toBe(0);
  });

  test('a refusal of the cluster is passed on', async () => {
    events.refusal = { reason: 'same-name', message: 'another node is called desk: 10.0.0.1:1' };
    expect(await connect(await start()).register()).toEqual({ type: 'refused', ...events.refusal });
  });
});

describe('the same node again', () => {
  test('the newest connection of a process replaces the one before; epochs rise', async () => {
    const first = await join();
    const second = connect(server?.port ?? 0);
    expect(await second.register()).toMatchObject({ type: 'welcome', epoch: 2 });
    expect(events.calls).toEqual(['joined', 'left: replaced by a newer connection', 'joined']);
    await until(() => first.isOver);
    expect(await nextOf(first, 'closing')).toMatchObject({ reason: 'superseded' });
  });

  test('another process under the same id is refused while the first one answers', async () => {
    const first = await join();
    const second = connect(server?.port ?? 0, { identity: { bootId: 'b2' } });
    const answer = second.register();
    await nextOf(first, 'ping');
    const ping = await nextOf(first, 'ping');
    first.say({ type: 'pong', id: ping.id, bootId: 'b1' });
    expect(await answer).toMatchObject({
      type: 'refused',
      reason: 'cloned',
      message: expect.stringMatching(/127\.0\.0\.1:\d+.*127\.0\.0\.1:\d+/),
    });
    expect(events.calls).toEqual(['joined']);
  });

  test('another process under the same id takes over when the first one is silent', async () => {
    const first = await join();
    const second = connect(server?.port ?? 0, { identity: { bootId: 'b2' } });
    const answer = second.register();
    await nextOf(first, 'ping');
    await nextOf(first, 'ping');
    await clock.advance(1_000);
    expect(await answer).toMatchObject({ type: 'welcome', epoch: 2 });
    expect(events.present.identity.bootId).toBe('b2');
  });
});

describe('silence', () => {
  test('suspect within 1.5 s, dead after 5 s, its lanes first', async () => {
    const agent = await join();
    const lane = agent.open('e1');
    await until(() => events.lanes.size === 1);
    const observer = await events.bindNext();
    await until(() => lane.frames.count === 2);
    const startedAt = clock.now();
    while (!events.isSuspect) await clock.advance(10);
    expect(clock.now() - startedAt).toBeLessThanOrEqual(1_500);
    while (events.link !== undefined) await clock.advance(10);
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(5_000);
    expect(clock.now() - startedAt).toBeLessThanOrEqual(5_300);
    expect(observer.outcome).toBe('lost');
    expect(events.calls.slice(0, 2)).toEqual(['joined', 'suspected']);
    expect(events.calls[2]).toMatch(/^left: silent for 5\.\d s$/);
  });

  test('a sign of life: it has recovered, and nothing was lost', async () => {
    const agent = await join();
    await clock.advance(2_000);
    expect(events.isSuspect).toBe(true);
    agent.say({ type: 'heartbeat' });
    await until(() => {
      void clock.advance(100);
      return !events.isSuspect;
    });
    expect(events.calls).toEqual(['joined', 'suspected', 'recovered']);
  });

  test('one silent connection of lanes makes the node suspect, then its lanes break, not the node', async () => {
    const agent = await join();
    const watch = agent.open(undefined, 1);
    agent.open('e1', 1);
    agent.open('e1', 2);
    const other = agent.open(undefined, 2);
    await until(() => events.lanes.size === 2);
    for (let step = 0; step < 60; step++) {
      agent.say({ type: 'heartbeat' });
      watch.say(beat);
      if (step < 5) other.say(beat);
      await settle(20);
      await clock.advance(100);
    }
    expect(events.calls.slice(0, 3)).toEqual(['joined', 'suspected', 'recovered']);
    expect([events.lanes.size, events.link !== undefined]).toEqual([1, true]);
  });

  test('when the orchestrator itself stood still, nobody is blamed', async () => {
    const hand = clock;
    let leapMs = 0;
    const leaping: Clock = { now: () => hand.now() + leapMs, schedule: (ms, action) => hand.schedule(ms, action) };
    await join({ clock: leaping });
    await hand.advance(500);
    leapMs = 30_000;
    await hand.advance(500);
    expect(events.calls).toEqual(['joined']);
    await hand.advance(1_000);
    expect(events.calls).toEqual(['joined', 'suspected']);
  });

  test('the round trip is measured', async () => {
    const agent = await join();
    const ping = await nextOf(agent, 'ping');
    await clock.advance(40);
    agent.say({ type: 'pong', id: ping.id, bootId: 'b1' });
    await until(() => events.roundTrips.length === 1);
    expect(events.roundTrips).toEqual([40]);
  });
});

describe('lanes', () => {
  test('a node has no more lanes than it may', async () => {
    const agent = await join({ lanesPerNode: 2 });
    agent.open('e1');
    agent.open('e1');
    await until(() => events.lanes.size === 2);
    const third = agent.open('e1');
    await until(() => third.isOver);
    expect(third.error).toContain('RESOURCE_EXHAUSTED');
  });

  test('a lane that comes before the report of its engine waits for it', async () => {
    const agent = await join();
    agent.open('e9');
    const known = agent.open('e1');
    await known.frames.next();
    await until(() => events.lanes.size === 1);
    const report = agent.host.reports.current();
    const engines = report.engines.map((engine) => ({ ...engine, engineId: 'e9' }));
    agent.say({ type: 'report', report: { ...report, sequence: 2, engines } });
    await until(() => events.lanes.size === 2);
  });

  test('frames of a job that is over are dropped', async () => {
    const agent = await join();
    const lane = agent.open('e1');
    const first = await events.bindNext();
    await lane.frames.next();
    expect(await lane.frames.next()).toMatchObject({ job: 1 });
    lane.say(encodeDeclined(1, 'no-slot'));
    await first.over();
    const second = await events.bindNext();
    expect(await lane.frames.next()).toMatchObject({ job: 2 });
    lane.say(encodeUp(1, true, undefined, { outcome: 'failed' }));
    lane.say(encodeUp(3, true, undefined, { outcome: 'failed' }));
    lane.say(encodeUp(2, true, undefined, { outcome: 'done' }));
    await second.over();
    expect(second.end).toEqual({ outcome: 'done' });
  });

  test('a lane that is taken back closes when its job is over', async () => {
    const agent = await join();
    const lane = agent.open('e1');
    const observer = await events.bindNext();
    lane.say(retireFrame);
    lane.say(encodeUp(1, true, undefined, { outcome: 'done' }));
    await observer.over();
    await until(() => events.lanes.size === 0 && lane.isOver);
    expect([observer.outcome, lane.error]).toEqual(['ended', '']);
  });

  test('a cancelled job that never ends costs its lane, not the node', async () => {
    const agent = await join();
    const lane = agent.open('e1');
    const observer = await events.bindNext();
    observer.lane.cancel();
    for (let second = 0; second <= 60; second++) {
      agent.say({ type: 'heartbeat' });
      lane.say(encodeUp(1, true, undefined, undefined));
      await settle(20);
      await clock.advance(1_000);
    }
    expect([observer.outcome, observer.reason]).toEqual(['lost', 'a cancelled job did not end within 60 s']);
    expect(events.link).toBeDefined();
  });

  test('bytes that are no frame end the lane, not the orchestrator', async () => {
    const agent = await join();
    const lane = agent.open('e1');
    const observer = await events.bindNext();
    lane.say(Buffer.from('327f', 'hex'));
    await observer.over();
    expect(observer.outcome).toBe('lost');
    const other = agent.open('e1');
    const second = await events.bindNext();
    const events7 = {
      kinds: 2,
      deltas: 1,
      form: 'events',
      bytes: Buffer.from('0aff', 'hex'),
      continued: false,
    } as const;
    other.say(encodeUp(1, true, events7, undefined));
    await second.over();
    expect([second.outcome, second.reason]).toEqual(['lost', 'the node sent events that cannot be read']);
    expect(events.link).toBeDefined();
  });
});

test('a port that is taken is said with its code', async () => {
  const port = await start();
  const second = startGrpcServer(
    { host: '127.0.0.1', port, clusterId: 'c1', lanesPerNode: 1, logger: silentLogger, clock },
    new RecordingEvents(),
  );
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

async function nextOf<Type extends 'ping' | 'closing'>(agent: RawAgent, type: Type) {
  for (;;) {
    const frame = await agent.frames.next();
    if (frame.type === type) return frame as Extract<typeof frame, { type: Type }>;
  }
}
