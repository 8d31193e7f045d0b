import { makeJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { toJobHeader } from '@waggle/shared/lane-link/testing/recording-events.ts';
import { ScriptedHost } from '@waggle/shared/lane-link/testing/scripted-host.ts';
import { settle, until } from '@waggle/shared/lane-link/testing/waiting.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { encodeBind, encodeBodyPart, encodeCancel, helloFrame } from '@waggle/shared/wire/encode-lane-frames.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LogBuffer } from '../logging/log-buffer.ts';
import { connectNode } from './connect-node.ts';
import type { LinkStatus, NodeLink, NodeLinkOptions } from './node-link.ts';
import { type FakeControl, FakeOrchestrator } from './testing/fake-orchestrator.ts';

let orchestrator: FakeOrchestrator;
let link: NodeLink | undefined;
let statuses: LinkStatus[];

beforeEach(async () => {
  orchestrator = new FakeOrchestrator();
  await orchestrator.start();
  statuses = [];
});

afterEach(() => {
  link?.close();
  orchestrator.stop();
});

function connect(host = new ScriptedHost({ e1: 2 }), options: Partial<NodeLinkOptions> = {}): ScriptedHost {
  const target = `127.0.0.1:${orchestrator.port}`;
  link = connectNode(host, { orchestrator: target, logger: silentLogger, clock: systemClock, ...options });
  link.subscribe((status) => statuses.push(status));
  return host;
}

/** A node that is in the cluster. */
async function join(host?: ScriptedHost): Promise<{ readonly host: ScriptedHost; readonly control: FakeControl }> {
  const joined = connect(host);
  const control = await orchestrator.controls.next();
  control.hello();
  await control.welcome();
  return { host: joined, control };
}

describe('handshake', () => {
  test('both prove that they know the token, and the token never travels', async () => {
    const token = makeJoinToken();
    connect(undefined, { token });
    const control = await orchestrator.controls.next();
    control.hello();
    expect(await control.welcome(token.secret)).toBe(true);
    await until(() => link?.status.state === 'joined');
    expect(link?.status).toEqual({ state: 'joined', epoch: 7, clusterId: 'c1', orchestratorVersion: '9' });
  });

  test('an orchestrator that lets everybody in but does not know the token is refused', async () => {
    const token = makeJoinToken();
    connect(undefined, { token });
    const control = await orchestrator.controls.next();
    control.hello();
    await control.welcome(token.secret, 'something else');
    await until(() => link?.status.state === 'refused' && control.isOver);
    expect(link?.status).toMatchObject({
      reason: 'bad-token',
      message: expect.stringContaining('does not know the join token'),
    });
    expect(statuses.map(({ state }) => state)).toEqual(['refused']);
    expect(orchestrator.lanes.count).toBe(0);
  });

  test('another major version is refused, naming both; nothing is registered', async () => {
    connect();
    const control = await orchestrator.controls.next();
    control.hello({ major: 3, minor: 1 });
    await until(() => link?.status.state === 'refused');
    expect(link?.status).toMatchObject({
      reason: 'incompatible',
      message: expect.stringMatching(/protocol 1\.1, the orchestrator 3\.1/),
    });
    expect(control.frames.count).toBe(0);
  });

  test('a reason for refusal this version does not know is shown with its message', async () => {
    connect();
    const control = await orchestrator.controls.next();
    control.hello();
    await control.next('register');
    control.say({ type: 'refused', reason: 'moon-phase', message: 'not tonight' });
    await until(() => link?.status.state === 'refused');
    expect(link?.status).toMatchObject({ message: 'not tonight' });
  });
});

describe('membership', () => {
  test('pings are answered with the boot id; heartbeats come by themselves', async () => {
    const { control } = await join();
    control.say({ type: 'ping', id: 12 });
    expect(await control.next('pong')).toEqual({ type: 'pong', id: 12, bootId: 'b1' });
    await control.next('heartbeat');
    await control.next('heartbeat');
  });

  test('a lost connection is made again', async () => {
    const { control } = await join();
    await until(() => link?.status.state === 'joined');
    control.end();
    const again = await orchestrator.controls.next();
    again.hello();
    await again.welcome();
    await until(() => link?.status.state === 'joined');
    expect(statuses.map(({ state }) => state)).toEqual(['joined', 'lost', 'connecting', 'joined']);
  });

  test('what the orchestrator says of its going is the reason of the loss', async () => {
    const { control } = await join();
    await until(() => link?.status.state === 'joined');
    control.say({ type: 'closing', reason: 'shutting-down', message: 'the orchestrator is shutting down' });
    control.end();
    await until(() => statuses.some(({ state }) => state === 'lost'));
    expect(statuses[1]).toEqual({ state: 'lost', message: 'the orchestrator is shutting down' });
  });

  test('an orchestrator that is not there is tried again', async () => {
    const { port } = orchestrator;
    orchestrator.stop();
    link = connectNode(new ScriptedHost({}), {
      orchestrator: `127.0.0.1:${port}`,
      logger: silentLogger,
      clock: systemClock,
    });
    link.subscribe((status) => statuses.push(status));
    await until(() => statuses.length > 0);
    expect(statuses[0]).toMatchObject({ state: 'connecting', problem: expect.stringContaining('ECONNREFUSED') });
  });

  test('drain before there is a connection is over at once', async () => {
    orchestrator.stop();
    connect();
    await link?.drain();
    expect(link?.status).toEqual({ state: 'closed' });
  });
});

describe('log', () => {
  const write = (logs: LogBuffer, event: string) =>
    logs.write({ timeMs: 1, level: 'info', event, facts: { engine: 'e1' } });

  async function joinWith(logs: LogBuffer): Promise<FakeControl> {
    connect(undefined, { logs });
    const control = await orchestrator.controls.next();
    control.hello();
    await control.welcome();
    return control;
  }

  test('what was written before and after the joining is sent, after the report', async () => {
    const logs = new LogBuffer();
    write(logs, 'early');
    const control = await joinWith(logs);
    write(logs, 'late');
    const types: string[] = [];
    for (;;) {
      const frame = await control.frames.next();
      types.push(frame.type);
      if (frame.type !== 'log-batch') continue;
      const factsJson = '{"engine":"e1"}';
      expect(frame).toEqual({
        type: 'log-batch',
        entries: ['early', 'late'].map((event) => ({ timeMs: 1, level: 'info', event, factsJson })),
        dropped: 0,
      });
      break;
    }
    expect(types).toContain('report');
  });

  test('lines that were not sent are sent to the next orchestrator', async () => {
    const logs = new LogBuffer();
    (await joinWith(logs)).end();
    write(logs, 'meanwhile');
    const again = await orchestrator.controls.next();
    again.hello();
    await again.welcome();
    expect(await again.next('log-batch')).toMatchObject({ entries: [{ event: 'meanwhile' }] });
  });

  test('the last lines go before the leave', async () => {
    const logs = new LogBuffer();
    const control = await joinWith(logs);
    const lanes = [await orchestrator.lanes.next(), await orchestrator.lanes.next()];
    for (const lane of lanes) lane.say(helloFrame);
    await until(() => link?.status.state === 'joined');
    void link?.drain();
    write(logs, 'last');
    for (const lane of lanes) lane.end();
    const rest: string[] = [];
    while (rest.at(-1) !== 'leave') rest.push((await control.frames.next()).type);
    expect(rest.slice(-2)).toEqual(['log-batch', 'leave']);
  });
});

describe('lanes', () => {
  async function open(host?: ScriptedHost) {
    const joined = await join(host);
    const lane = await orchestrator.lanes.next();
    lane.say(helloFrame);
    return { ...joined, lane };
  }

  const bind = (job: number, body = '{}', bodyBytes = Buffer.byteLength(body)) =>
    encodeBind(job, toJobHeader({ jobId: `j${job}` }), bodyBytes, Buffer.from(body));

  test('a small whole answer is one frame', async () => {
    const { host, lane } = await open();
    lane.say(bind(1));
    const job = await host.jobs.next();
    job.native('whole', 34, 3);
    job.end();
    expect(await lane.frames.next()).toMatchObject({
      job: 1,
      accepted: true,
      kinds: 34,
      deltas: 3,
      native: Buffer.from('whole'),
      ended: { outcome: 'done' },
    });
    await settle();
    expect(lane.frames.count).toBe(0);
  });

  test('a last batch does not wait for an end that takes its time', async () => {
    const { host, lane } = await open();
    lane.say(bind(1));
    const job = await host.jobs.next();
    job.native('whole', 34, 3);
    expect(await lane.frames.next()).toMatchObject({ accepted: true, native: Buffer.from('whole'), ended: undefined });
    job.end();
    expect(await lane.frames.next()).toMatchObject({ accepted: false, native: undefined, ended: { outcome: 'done' } });
  });

  test('a second job for a busy lane is declined, and harms the first in nothing', async () => {
    const { host, lane } = await open();
    lane.say(bind(1));
    const job = await host.jobs.next();
    lane.say(bind(2));
    for (let frame = await lane.frames.next(); ; frame = await lane.frames.next()) {
      if (frame.job !== 2) continue;
      expect(frame.declined).toBe('busy-lane');
      break;
    }
    job.native('first', 34);
    job.end();
    const last = await nextEnd(lane);
    expect(last).toMatchObject({ job: 1, native: Buffer.from('first') });
  });

  test('parts and cancels of an earlier job are dropped', async () => {
    const { host, lane } = await open();
    lane.say(bind(1));
    (await host.jobs.next()).end();
    lane.say(bind(2, 'abc', 6));
    lane.say(encodeBodyPart(1, Buffer.from('old')));
    lane.say(encodeCancel(1));
    lane.say(encodeBodyPart(2, Buffer.from('def')));
    const job = await host.jobs.next();
    expect([Buffer.from(job.body).toString(), job.isCancelled]).toEqual(['abcdef', false]);
    job.end();
  });

  test('an endpoint of a later version fails, and the lane goes on', async () => {
    const { host, lane } = await open();
    const frame = bind(1);
    frame[frame.indexOf(32, 8) + 1] = 99; // the endpoint's number
    lane.say(frame);
    expect((await nextEnd(lane)).ended).toMatchObject({ outcome: 'failed', failure: { code: 'unsupported' } });
    expect(host.jobs.count).toBe(0);
    lane.say(bind(2));
    (await host.jobs.next()).end();
    expect(await nextEnd(lane)).toMatchObject({ job: 2, ended: { outcome: 'done' } });
  });

  test('a lane that is closed is opened again', async () => {
    const { lane } = await open();
    await orchestrator.lanes.next();
    lane.end();
    await orchestrator.lanes.next();
  });

  test('a slot that goes is given back in so many words', async () => {
    const { host, lane } = await open(new ScriptedHost({ e1: 1 }));
    host.setSlots('e1', 0);
    expect(await lane.frames.next()).toMatchObject({ retire: true });
  });
});

async function nextEnd(lane: { readonly frames: { next(): Promise<{ readonly ended: unknown }> } }) {
  for (;;) {
    const frame = await lane.frames.next();
    if (frame.ended !== undefined) return frame;
  }
}
