import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { ScriptedEngine } from '../testing/scripted-engine.ts';
import { EngineMonitor } from './engine-monitor.ts';
import { EngineProblem } from './engine-problem.ts';

describe('EngineMonitor', () => {
  let clock: HandClock;
  let engine: ScriptedEngine;
  let monitor: EngineMonitor;
  let changes: string[];
  let own: number;

  const refused = new EngineProblem('refused', 'connection refused');
  const unanswered = new EngineProblem('no-answer', 'no answer in time');

  beforeEach(async () => {
    clock = new HandClock();
    engine = new ScriptedEngine();
    changes = [];
    own = 0;
    monitor = new EngineMonitor({
      engine,
      takeOwnPeak: () => own,
      clock,
      logger: silentLogger,
      changed: () => changes.push(monitor.health),
    });
    await monitor.start();
  });

  test('is up with its first answer and reports it once', async () => {
    expect(monitor.report()).toMatchObject({ health: 'up', slots: 2, version: '1.0' });
    await clock.advance(10_000);
    expect(changes).toEqual(['up']);
  });

  test('asks a cheap question every second and everything every five', async () => {
    engine.asked.length = 0;
    await clock.advance(10_000);
    expect(engine.asked.filter((question) => question === 'ping').length).toBeGreaterThanOrEqual(7);
    expect(engine.asked.filter((question) => question === 'survey')).toHaveLength(2);
  });

  test('is down at once where nobody listens, and up again with the first answer', async () => {
    engine.problem = refused;
    await clock.advance(1_000);
    expect(monitor.report()).toMatchObject({ health: 'down', problem: 'connection refused' });
    engine.problem = undefined;
    await clock.advance(1_000);
    expect(monitor.report()).toMatchObject({ health: 'up', problem: undefined });
    expect(changes).toEqual(['up', 'down', 'up']);
  });

  test.each([0, 4_500])(
    'is down after two unanswered questions, within five seconds, be it silent from %d ms on',
    async (ms) => {
      await clock.advance(ms);
      engine.isSilent = true;
      engine.problem = unanswered;
      await clock.advance(2_500);
      expect(monitor.health).toBe('up');
      await clock.advance(2_500);
      expect(monitor.health).toBe('down');
    },
  );

  test('stays up while it sends what jobs asked for, however slow its probes are', async () => {
    engine.isSilent = true;
    engine.problem = unanswered;
    for (let second = 0; second < 20; second++) {
      engine.signOfLife = clock.now();
      await clock.advance(1_000);
    }
    expect(monitor.health).toBe('up');
  });

  test('is asked at once when a job lost its connection', async () => {
    engine.problem = refused;
    monitor.suspect();
    await clock.advance(0);
    expect(monitor.health).toBe('down');
  });

  test('is asked once, however many jobs lost their connections', async () => {
    engine.asked.length = 0;
    for (let job = 0; job < 16; job++) monitor.suspect();
    await clock.advance(0);
    expect(engine.asked).toEqual(['ping']);
  });

  test('two wishes for everything during a survey make one more', async () => {
    engine.asked.length = 0;
    const surveys = [monitor.refresh(), monitor.refresh(), monitor.refresh()];
    await Promise.all(surveys);
    expect(engine.asked).toEqual(['survey', 'survey']);
  });

  test('a wrong key is down with the reason', async () => {
    engine.problem = new EngineProblem('rejected', 'it wants another API key');
    await clock.advance(1_000);
    expect(monitor.report()).toMatchObject({ health: 'down', problem: 'it wants another API key' });
  });

  test('jobs of others are those beyond its own', async () => {
    expect(monitor.report().foreignJobs).toBeUndefined();
    own = 3;
    engine.runningJobs = 5;
    await monitor.refresh();
    expect(monitor.report().foreignJobs).toBe(2);
    own = 0;
    expect(monitor.report().foreignJobs).toBe(2);
    engine.runningJobs = 0;
    await monitor.refresh();
    expect(monitor.report().foreignJobs).toBe(0);
  });

  test('says nothing more once it was stopped', async () => {
    monitor.stop();
    engine.problem = refused;
    await clock.advance(20_000);
    expect(changes).toEqual(['up']);
    expect(monitor.health).toBe('up');
  });
});
