import { connectNode } from '@waggle/node-agent/link/connect-node.ts';
import type { NodeLink, NodeLinkOptions } from '@waggle/node-agent/link/node-link.ts';
import {
  type GrpcServer,
  type GrpcServerOptions,
  startGrpcServer,
} from '@waggle/orchestrator/grpc/start-grpc-server.ts';
import { makeJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { RecordingEvents } from '@waggle/shared/lane-link/testing/recording-events.ts';
import { ScriptedHost, toEngineReport } from '@waggle/shared/lane-link/testing/scripted-host.ts';
import { settle, until } from '@waggle/shared/lane-link/testing/waiting.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SocketProxy } from './socket-proxy.ts';

let events: RecordingEvents;
let server: GrpcServer;
let proxy: SocketProxy;
let proxyPort: number;
let links: NodeLink[];

beforeEach(() => {
  events = new RecordingEvents();
  links = [];
});

afterEach(async () => {
  for (const link of links) link.close();
  proxy.close();
  await server.close();
  expect(events.violations).toEqual([]);
});

async function serve(options: Partial<GrpcServerOptions> = {}): Promise<void> {
  server = await startGrpcServer(
    {
      host: '127.0.0.1',
      port: 0,
      clusterId: 'c1',
      lanesPerNode: 1024,
      logger: silentLogger,
      clock: systemClock,
      ...options,
    },
    events,
  );
  proxy = new SocketProxy(server.port);
  proxyPort = await proxy.listen();
}

function connect(host: ScriptedHost, options: Partial<NodeLinkOptions> = {}): NodeLink {
  const target = `127.0.0.1:${proxyPort}`;
  const link = connectNode(host, { orchestrator: target, logger: silentLogger, clock: systemClock, ...options });
  links.push(link);
  return link;
}

async function join(
  slots: Readonly<Record<string, number>> = { e1: 2 },
  options: Partial<NodeLinkOptions> = {},
): Promise<ScriptedHost> {
  await serve();
  const host = new ScriptedHost(slots);
  connect(host, options);
  await until(() => events.lanes.size > 0);
  return host;
}

test('an engine that takes nothing of what is sent to it is given up', async () => {
  const clock = new HandClock();
  const host = await join({ e1: 1 }, { clock });
  let parts = 0;
  host.onOperate = async function* (_request, content, signal) {
    for await (const part of content) {
      parts += part.byteLength > 0 ? 1 : 0;
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
    yield { type: 'end' };
  };
  async function* endless() {
    for (;;) yield Buffer.alloc(65_536);
  }
  const put = { operationId: 'o1', engineId: 'e1', name: 'blob-put', bodyJson: '{}' } as const;
  const frames = Array.fromAsync(events.present.operate(put, endless(), new AbortController().signal));
  // One is being taken, and so many wait that no more are read.
  await until(() => parts === 1);
  await settle(50);
  await clock.advance(61_000);
  expect(await frames).toMatchObject([
    { type: 'end', failure: { code: 'engine-failed', message: 'the engine took nothing for 60 s' } },
  ]);
  expect(parts).toBe(1);
});

test('a join token on both sides', async () => {
  const joinToken = makeJoinToken();
  await serve({ joinToken });
  const stranger = connect(new ScriptedHost({ e1: 1 }));
  await until(() => stranger.status.state === 'refused');
  const link = connect(new ScriptedHost({ e1: 1 }), { token: joinToken });
  await until(() => link.status.state === 'joined' && events.idle.length === 1);
  expect(stranger.status).toMatchObject({ reason: 'bad-token' });
});

test('a cut connection of lanes costs its jobs and is made again; the node stays', async () => {
  const host = await join({ e1: 3 });
  const observer = await events.bindNext();
  const job = await host.jobs.next();
  proxy.cut(1);
  await observer.over();
  expect(observer.outcome).toBe('lost');
  await until(() => job.isCancelled);
  job.end({ outcome: 'cancelled' });
  await until(() => events.idle.length === 3);
  expect(events.calls.filter((call) => call !== 'reported')).toEqual(['joined']);
});

test('cut off altogether: gone at once, back by itself under a new epoch', async () => {
  const host = await join({ e1: 2 });
  const observer = await events.bindNext();
  await host.jobs.next();
  const { epoch } = events.present;
  proxy.cutAll();
  await until(() => events.link === undefined);
  expect(observer.outcome).toBe('lost');
  await until(() => events.link !== undefined && events.lanes.size > 0);
  expect(events.present.epoch).toBeGreaterThan(epoch);
});

test('an orchestrator that starts again has its nodes back', async () => {
  await join({ e1: 2 });
  const { port } = server;
  await server.close();
  expect([events.link, events.calls.at(-1)]).toEqual([undefined, 'left: the orchestrator is shutting down']);
  server = await startGrpcServer(
    { host: '127.0.0.1', port, clusterId: 'c1', lanesPerNode: 1024, logger: silentLogger, clock: systemClock },
    events,
  );
  await until(() => events.idle.length === 2);
});

test('a cloned disk: the second process is refused, the first is not disturbed', async () => {
  await join({ e1: 2 });
  const clone = connect(new ScriptedHost({ e1: 2 }, { bootId: 'b2' }));
  await until(() => clone.status.state === 'refused');
  expect(clone.status).toMatchObject({ reason: 'cloned' });
  expect([links[0]?.status.state, events.idle.length]).toEqual(['joined', 2]);
});

test('250 lanes fit on three connections beside the one for control', async () => {
  const host = await join({ e1: 250 });
  for (let count = 0; count < 250; count++) await events.bindNext();
  await until(() => host.running === 250);
  expect(proxy.made).toBe(4);
});

test('a few lanes stay open for a large engine, more while it is busy, and go when they were not needed for 30 s', async () => {
  const clock = new HandClock();
  const host = await join({ e1: 400 }, { clock });
  await until(() => events.idle.length === 8);
  for (let count = 0; count < 120; count++) await events.bindNext();
  await until(() => events.idle.length === 30);
  for (let count = 0; count < 120; count++) (await host.jobs.next()).end();
  await until(() => events.idle.length === 150);
  await clock.advance(29_000);
  await settle(50);
  expect(events.idle).toHaveLength(150);
  await clock.advance(1_500);
  await until(() => events.idle.length === 8);
  await until(() => proxy.open === 2);
});

test('a node that may have three lanes has three', async () => {
  await serve({ lanesPerNode: 3 });
  connect(new ScriptedHost({ e1: 2, e2: 8 }));
  await until(() => events.lanes.size === 3);
  await settle(50);
  expect(events.lanes.size).toBe(3);
});

describe('a node that may have few lanes', () => {
  const engineIds = () => events.idle.map(({ engineId }) => engineId).sort();

  async function joinFew(lanesPerNode: number, slots: Readonly<Record<string, number>>) {
    const clock = new HandClock();
    await serve({ lanesPerNode });
    const host = new ScriptedHost(slots);
    connect(host, { clock });
    await until(() => events.lanes.size === lanesPerNode);
    return { host, clock };
  }

  test('each engine has one before any has a second', async () => {
    await joinFew(4, { e1: 8, e2: 8, e3: 8 });
    await until(() => engineIds().join() === 'e1,e1,e2,e3');
  });

  test('an engine that is found later has its lane at once', async () => {
    const { host } = await joinFew(4, { e1: 8 });
    expect(engineIds()).toEqual(['e1', 'e1', 'e1', 'e1']);
    host.setSlots('e2', 8);
    host.setEngines([toEngineReport('e1', 8), toEngineReport('e2', 8)]);
    await until(() => engineIds().join() === 'e1,e1,e2,e2');
  });

  test('more engines than lanes: each comes to have one, again and again', async () => {
    const { clock } = await joinFew(2, { e1: 8, e2: 8, e3: 8 });
    const served: string[] = [];
    for (let turn = 0; turn < 7; turn++) {
      await until(() => events.lanes.size === 2);
      served.push(...engineIds());
      await settle(20);
      await clock.advance(1_000);
      await settle(50);
    }
    for (const engineId of ['e1', 'e2', 'e3']) {
      expect(served.filter((each) => each === engineId).length).toBeGreaterThanOrEqual(3);
    }
  });

  test('an engine that is never without work does not keep the only lane', async () => {
    const { host, clock } = await joinFew(1, { e1: 8, e2: 8 });
    let [ofFirst, isOver] = [0, false];
    host.onJob = (job) => {
      ofFirst++;
      setImmediate(() => job.end());
      return true;
    };
    // As soon as the lane is free it has the next job, before the node can take it back.
    const keepBusy = (): void => {
      const lane = events.idle.find(({ engineId }) => engineId === 'e1');
      if (isOver) return;
      if (lane === undefined) {
        setImmediate(keepBusy);
        return;
      }
      const observer = events.bind(lane);
      const over = observer.onOver;
      observer.onOver = (done) => {
        over(done);
        queueMicrotask(keepBusy);
      };
    };
    keepBusy();
    await until(() => ofFirst > 20);
    expect(events.lanes.size).toBe(1);
    await clock.advance(1_000);
    await until(() => engineIds().join() === 'e2');
    const before = ofFirst;
    await settle(50);
    expect(ofFirst).toBe(before);
    await clock.advance(1_000);
    await until(() => ofFirst > before);
    isOver = true;
    await until(() => events.busy.size === 0);
  });
});

test('a load and an operation that are under way when the node is cut off come to an end', async () => {
  const host = await join();
  host.onLoad = () => new Promise(() => {});
  const model = { engineId: 'e1', model: 'm', pins: {} };
  const loading = expect(events.present.load(model, new AbortController().signal)).rejects.toMatchObject({
    code: 'engine-unreachable',
  });
  await until(() => host.loads.length === 1);
  proxy.cutAll();
  await loading;
});
