import { RecordingEvents } from '@waggle/shared/lane-link/testing/recording-events.ts';
import { ScriptedHost } from '@waggle/shared/lane-link/testing/scripted-host.ts';
import { settle } from '@waggle/shared/lane-link/testing/waiting.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AttachedNode, attachNode } from './attach-node.ts';

let clock: HandClock;
let events: RecordingEvents;
let node: AttachedNode;

beforeEach(() => {
  clock = new HandClock();
  events = new RecordingEvents();
});

afterEach(() => {
  node.close();
  expect(events.violations).toEqual([]);
  expect(clock.pending).toBe(0);
});

function attach(lanesPerNode: number, slots: Readonly<Record<string, number>>): ScriptedHost {
  const host = new ScriptedHost(slots);
  node = attachNode(host, events, { clock, lanesPerNode });
  return host;
}

const idleEngines = () => events.idle.map(({ engineId }) => engineId).sort();

test('few lanes: each engine has one before any has a second', () => {
  attach(4, { e1: 8, e2: 8, e3: 8 });
  expect(idleEngines()).toEqual(['e1', 'e1', 'e2', 'e3']);
});

test('more engines than lanes: they take turns', async () => {
  attach(2, { e1: 8, e2: 8, e3: 8 });
  const seen: string[] = [];
  for (let turn = 0; turn < 4; turn++) {
    await settle();
    seen.push(idleEngines().join(' '));
    await clock.advance(1_000);
  }
  expect(seen).toEqual(['e1 e2', 'e2 e3', 'e1 e3', 'e1 e2']);
});

test('a busy engine does not keep the only lane', async () => {
  const host = attach(1, { e1: 8, e2: 8 });
  const observer = await events.bindNext();
  await settle();
  await clock.advance(60_000);
  expect([observer.lane.engineId, idleEngines()]).toEqual(['e1', []]);
  (await host.jobs.next()).end();
  await observer.over();
  await settle();
  expect(idleEngines()).toEqual(['e2']);
});
