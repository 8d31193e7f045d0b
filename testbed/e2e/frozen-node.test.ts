import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { type GrpcServer, startGrpcServer } from '@waggle/orchestrator/grpc/start-grpc-server.ts';
import { RecordingEvents } from '@waggle/shared/lane-link/testing/recording-events.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';

let events: RecordingEvents;
let server: GrpcServer;
let agent: ChildProcess;

beforeEach(async () => {
  events = new RecordingEvents();
  server = await startGrpcServer(
    { host: '127.0.0.1', port: 0, clusterId: 'c1', lanesPerNode: 64, logger: silentLogger, clock: systemClock },
    events,
  );
  agent = fork(path.join(import.meta.dirname, '../src/lane-link/agent-process.ts'), [String(server.port)]);
  await until(() => events.idle.length === 4);
});

afterEach(async () => {
  agent.kill('SIGKILL');
  await server.close();
  expect(events.violations).toEqual([]);
});

test('a killed node is gone at once', async () => {
  const observer = await events.bindNext();
  const killedAt = performance.now();
  agent.kill('SIGKILL');
  await until(() => events.link === undefined);
  expect(observer.outcome).toBe('lost');
  expect(performance.now() - killedAt).toBeLessThan(1_000);
});

test('a frozen node is suspected, then dead; thawed, it is back', async () => {
  const observer = await events.bindNext();
  const frozenAt = performance.now();
  agent.kill('SIGSTOP');
  await until(() => events.isSuspect);
  const suspectedMs = performance.now() - frozenAt;
  expect(observer.outcome).toBeUndefined(); // a pause of the network must not cut answers
  await until(() => events.link === undefined);
  const deadMs = performance.now() - frozenAt;
  expect(observer.outcome).toBe('lost');
  const thawedAt = performance.now();
  agent.kill('SIGCONT');
  await until(() => events.idle.length > 0);
  const backMs = performance.now() - thawedAt;
  // Promised: 1.5 s, 5 s, 10 s. The margin is for a busy machine.
  expect(suspectedMs).toBeLessThan(2_500);
  expect(deadMs).toBeGreaterThan(3_000);
  expect(deadMs).toBeLessThan(7_000);
  expect(backMs).toBeLessThan(10_000);
});

test('a freeze of two seconds costs nothing', async () => {
  const observer = await events.bindNext();
  agent.kill('SIGSTOP');
  await until(() => events.isSuspect);
  agent.kill('SIGCONT');
  await until(() => !events.isSuspect);
  expect([observer.outcome, events.lanes.size, events.calls]).toEqual([
    undefined,
    4,
    ['joined', 'reported', 'suspected', 'recovered'],
  ]);
  const exit = once(agent, 'exit');
  agent.kill('SIGKILL');
  await exit;
});

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}
