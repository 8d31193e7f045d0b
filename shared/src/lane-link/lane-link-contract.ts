import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeAccounting } from './testing/accounting-contract.ts';
import { describeJobs } from './testing/job-contract.ts';
import { LinkBench, type MakeLink } from './testing/link-bench.ts';
import { describeOperations } from './testing/operation-contract.ts';
import { ScriptedHost, toEngineReport } from './testing/scripted-host.ts';
import { until } from './testing/waiting.ts';

/** What every `LaneLink` promises, whatever its transport. */
export function describeLaneLinkContract(name: string, makeLink: MakeLink): void {
  describe(name, () => {
    let bench: LinkBench;
    beforeEach(() => {
      bench = new LinkBench(makeLink);
    });
    afterEach(async () => {
      await bench.dispose();
      expect(bench.events.violations).toEqual([]);
    });
    const toBench = () => bench;

    describe('membership', () => describeMembership(toBench));
    describe('lanes', () => describeLanes(toBench));
    describe('jobs', () => describeJobs(toBench));
    describe('commands and operations', () => describeOperations(toBench));
    describe('accounting', () => describeAccounting(makeLink));
  });
}

function describeMembership(toBench: () => LinkBench): void {
  test('a node joins with its identity and full report', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    expect(events.present.identity).toEqual(host.identity);
    expect(events.present.epoch).toBeGreaterThan(0);
    expect(events.present.address).not.toBe('');
    expect(events.reports[0]).toEqual(host.reports.current());
  });

  test('a refused node is told why, and has no lanes', async () => {
    const { events } = toBench();
    events.refusal = { reason: 'same-name', message: 'another node is called desk' };
    await toBench().tie(new ScriptedHost({ e1: 1 }));
    expect(await toBench().link.refusal()).toMatchObject(events.refusal);
    expect(events.calls).toEqual(['joined']);
    expect(events.lanes.size).toBe(0);
  });

  test('changed reports arrive, the latest at last', async () => {
    const { events } = toBench();
    const host = await toBench().join();
    for (let waitingJobs = 1; waitingJobs <= 20; waitingJobs++) host.report({ waitingJobs });
    await until(() => events.report?.waitingJobs === 20);
    expect(events.report).toEqual(host.reports.current());
  });

  test('a report of many megabytes arrives', async () => {
    const { events } = toBench();
    const tagJson = JSON.stringify({ name: 'm', details: 'x'.repeat(10_000) });
    const models = Array.from({ length: 600 }, (_, index) => ({
      name: `m${index}`,
      digest: `d${index}`,
      sizeBytes: 2 ** 33 + index,
      state: 'cold' as const,
      parallel: 1,
      tagJson,
    }));
    const host = await toBench().join();
    host.setEngines([toEngineReport('e1', 2, { models })]);
    await until(() => events.report?.engines[0]?.models.length === models.length);
    expect(events.report).toEqual(host.reports.current());
  });

  test('the orchestrator closes the link: jobs are lost, lanes closed, the node left, in that order, at once', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 2 });
    const observer = await events.bindNext();
    const job = await host.jobs.next();
    events.present.close('enough');
    expect([observer.outcome, observer.reason, events.lanes.size]).toEqual(['lost', 'enough', 0]);
    expect(events.calls).toContain('left: enough');
    await until(() => job.isCancelled);
  });

  test('a node that is gone: its jobs are lost, its lanes closed, the node left', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 3 });
    const observers = [await events.bindNext(), await events.bindNext()];
    const job = await host.jobs.next();
    toBench().link.crash();
    await until(() => events.link === undefined);
    expect(observers.map(({ outcome }) => outcome)).toEqual(['lost', 'lost']);
    expect(job.isCancelled).toBe(true);
  });

  test('what a host still says for a lost job is dropped', async () => {
    const { events } = toBench();
    const host = await toBench().join();
    const observer = await events.bindNext();
    const job = await host.jobs.next();
    toBench().link.crash();
    await observer.over();
    expect(job.native('late')).toBe(true);
    job.end();
    expect(observer.outcome).toBe('lost');
  });
}

function describeLanes(toBench: () => LinkBench): void {
  test('an idle lane for each free slot of each engine', async () => {
    const { events } = toBench();
    await toBench().join({ e1: 2, e2: 3 });
    expect(events.idle.map(({ engineId }) => engineId).sort()).toEqual(['e1', 'e1', 'e2', 'e2', 'e2']);
    expect(new Set(events.idle.map(({ laneId }) => laneId)).size).toBe(5);
  });

  test('lanes follow the slots up and down', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 2 });
    host.setSlots('e1', 5);
    await until(() => events.idle.length === 5);
    host.setSlots('e1', 1);
    await until(() => events.idle.length === 1);
    host.setSlots('e1', 0);
    await until(() => events.lanes.size === 0);
    host.setSlots('e1', 2);
    await until(() => events.idle.length === 2);
  });

  test('a slot that somebody else uses has no lane', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 3 });
    host.takeElsewhere('e1', 2);
    await until(() => events.idle.length === 1);
    host.takeElsewhere('e1', -2);
    await until(() => events.idle.length === 3);
  });

  test('an engine that appears gets lanes, one that disappears loses them', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    host.setSlots('e2', 2);
    host.setEngines([toEngineReport('e2', 2)]);
    await until(() => events.idle.length === 2 && events.idle.every(({ engineId }) => engineId === 'e2'));
    expect(events.report?.engines.map(({ engineId }) => engineId)).toEqual(['e2']);
  });

  test('a lane is reused for job after job', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    const [lane] = events.idle;
    for (let count = 0; count < 50; count++) {
      const observer = await events.bindNext();
      expect(observer.lane).toBe(lane);
      const job = await host.jobs.next();
      job.native(`answer ${count}`);
      job.end();
      await observer.over();
      expect(observer.text).toBe(`answer ${count}`);
    }
  });

  test('as many lanes as there are slots, all at work at once', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 250 });
    const observers = [];
    for (let count = 0; count < 250; count++) observers.push(await events.bindNext());
    await until(() => host.running === 250);
    expect(host.free('e1')).toBe(0);
    await until(() => events.idle.length === 0);
    for (let count = 0; count < 250; count++) {
      const job = await host.jobs.next();
      job.native(job.header.jobId);
      job.end();
    }
    for (const observer of observers) await observer.over();
    expect(observers.map(({ text }) => text)).toEqual(observers.map((_, index) => `j${index + 1}`));
  });

  test('drain: no idle lanes, running jobs finish, then the node leaves', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 3 });
    const observer = await events.bindNext();
    const job = await host.jobs.next();
    const drained = toBench().link.drain();
    await until(() => events.lanes.size === 1 && events.report?.draining === true);
    expect(observer.outcome).toBeUndefined();
    job.native('all of it');
    job.end();
    await drained;
    await until(() => events.link === undefined);
    expect([observer.outcome, observer.text]).toEqual(['ended', 'all of it']);
    expect(events.calls.at(-1)).toMatch(/^left: /);
  });

  test('drain without anything to do leaves at once', async () => {
    await toBench().join({ e1: 3 });
    await toBench().link.drain();
    await until(() => toBench().events.link === undefined);
  });
}
