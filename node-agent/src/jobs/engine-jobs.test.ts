import type { JobEnd, JobFailure } from '@waggle/shared/cluster/job.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { RecordedJob, toHeader } from '../testing/recorded-job.ts';
import { ScriptedEngine } from '../testing/scripted-engine.ts';
import { EngineJobs } from './engine-jobs.ts';

const done: JobEnd = { outcome: 'done', usage: { promptTokens: 3, completionTokens: 5 } };

describe('EngineJobs', () => {
  let engine: ScriptedEngine;
  let jobs: EngineJobs;

  beforeEach(() => {
    engine = new ScriptedEngine();
    jobs = new EngineJobs(
      (job, body, output) => engine.run(job, body, output),
      () => {},
    );
    jobs.resize(2);
  });

  const start = () => {
    const job = new RecordedJob();
    const running = jobs.run(toHeader(), new Uint8Array(), job);
    return { job, running };
  };

  test('declines what has no slot, after the call', async () => {
    start();
    start();
    const { job } = start();
    expect(job.last).toEqual([]);
    await settled();
    expect(job.last).toEqual(['no-slot']);
    expect(jobs.counts.declined).toBe(1);
    expect(engine.jobs).toHaveLength(2);
  });

  test('a slot is free when the engine stopped, not when the job was cancelled', async () => {
    const { running, job } = start();
    running.cancel();
    await settled();
    expect(engine.jobs[0]?.isCancelled).toBe(true);
    expect(jobs.reserved).toBe(1);
    engine.jobs[0]?.output.ended({ outcome: 'cancelled' });
    expect(jobs.reserved).toBe(0);
    expect(job.last).toEqual([{ outcome: 'cancelled' }]);
  });

  test('running jobs keep their places when there are fewer slots', async () => {
    start();
    start();
    jobs.resize(1);
    engine.jobs[0]?.output.ended(done);
    const { job } = start();
    await settled();
    expect(job.last).toEqual(['no-slot']);
    expect(jobs.counts).toMatchObject({ ended: { done: 1 }, promptTokens: 3, completionTokens: 5 });
  });

  test('remembers how many there were at once', () => {
    start();
    start();
    engine.jobs[0]?.output.ended(done);
    expect(jobs.takePeak()).toBe(2);
    expect(jobs.takePeak()).toBe(1);
  });

  test('is settled when the last job ended', async () => {
    await jobs.settled();
    start();
    let isSettled = false;
    void jobs.settled().then(() => {
      isSettled = true;
    });
    await settled();
    expect(isSettled).toBe(false);
    engine.jobs[0]?.output.ended(done);
    await settled();
    expect(isSettled).toBe(true);
  });

  describe('cut', () => {
    const failure: JobFailure = { cause: 'internal', code: 'draining', message: 'the node ends' };

    test('tells every job why, once, and waits for no engine', async () => {
      const both = [start(), start()];
      await settled();
      const waited = jobs.settled();
      jobs.cut(failure);
      await waited;
      expect(both.map(({ job }) => job.last)).toEqual([
        [{ outcome: 'cancelled', failure }],
        [{ outcome: 'cancelled', failure }],
      ]);
      expect(engine.jobs.map(({ isCancelled }) => isCancelled)).toEqual([true, true]);
      // A place is free when the engine stopped, as ever, and nobody hears of it any more.
      expect(jobs.reserved).toBe(2);
      expect(engine.jobs[0]?.output.batch({ form: 'events', events: [], kinds: 0, deltas: 0 })).toBe(true);
      for (const { output } of engine.jobs) output.ended({ outcome: 'cancelled' });
      expect(jobs.reserved).toBe(0);
      expect(both.map(({ job }) => [job.last.length, job.batches.length])).toEqual([
        [1, 0],
        [1, 0],
      ]);
    });

    test('what ended before hears nothing more', () => {
      const { job } = start();
      engine.jobs[0]?.output.ended(done);
      jobs.cut(failure);
      expect(job.last).toEqual([done]);
    });
  });

  test('a freed slot can be taken in the very call that frees it', async () => {
    let next: RecordedJob | undefined;
    const own: EngineJobs = new EngineJobs(
      (job, body, output) => engine.run(job, body, output),
      () => {
        if (engine.jobs.length !== 1 || own.reserved !== 0) return;
        next = new RecordedJob();
        own.run(toHeader(), new Uint8Array(), next);
      },
    );
    own.resize(1);
    own.run(toHeader(), new Uint8Array(), new RecordedJob());
    engine.jobs[0]?.output.ended(done);
    await settled();
    expect(engine.jobs).toHaveLength(2);
    expect(own.waiting).toBe(0);
    expect(next?.last).toEqual([]);
  });

  test('never holds more than its slots, and every job hears one last word', async () => {
    const action = fc.oneof(
      fc.constant('start' as const),
      fc.constant('cancel' as const),
      fc.record({ end: fc.nat(20) }),
      fc.record({ resize: fc.integer({ min: 1, max: 5 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const scripted = new ScriptedEngine();
        let running = 0;
        let most = 0;
        const own = new EngineJobs(
          (job, body, output) => {
            running++;
            most = Math.max(most, running);
            return scripted.run(job, body, output);
          },
          () => {},
        );
        own.resize(5);
        const started: { readonly job: RecordedJob; readonly cancel: () => void }[] = [];
        const end = (index: number) => {
          const [job] = scripted.jobs.splice(index % Math.max(1, scripted.jobs.length), 1);
          if (job === undefined) return;
          running--;
          job.output.ended(done);
        };
        for (const step of actions) {
          if (step === 'start') {
            const job = new RecordedJob();
            const handle = own.run(toHeader(), new Uint8Array(), job);
            started.push({ job, cancel: () => handle.cancel() });
          } else if (step === 'cancel') {
            started.at(-1)?.cancel();
          } else if ('end' in step) {
            end(step.end);
          } else {
            own.resize(step.resize);
          }
          await settled();
          expect(own.reserved).toBe(scripted.jobs.length);
        }
        while (scripted.jobs.length > 0) end(0);
        await settled();
        expect(own.reserved).toBe(0);
        expect(most).toBeLessThanOrEqual(5);
        for (const { job } of started) expect(job.last).toHaveLength(1);
      }),
      { numRuns: 100 },
    );
  });
});
