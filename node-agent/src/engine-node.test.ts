import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock, settled } from '@waggle/shared/testing/hand-clock.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { basicHardware } from './capacity/hardware.ts';
import { EngineNode } from './engine-node.ts';
import { EngineProblem } from './engines/engine-problem.ts';
import { RecordedJob, toHeader } from './testing/recorded-job.ts';
import { ScriptedEngine } from './testing/scripted-engine.ts';

describe('EngineNode', () => {
  let clock: HandClock;
  let engine: ScriptedEngine;
  let node: EngineNode;

  beforeEach(async () => {
    clock = new HandClock();
    engine = new ScriptedEngine();
    const identity = { nodeId: 'n', bootId: 'b', name: 'desk', machineId: 'm', version: '1' };
    node = new EngineNode({ identity, labels: {}, hardware: basicHardware, clock, logger: silentLogger });
    await node.add(engine);
    await settled();
  });

  const run = (more = {}) => {
    const job = new RecordedJob();
    node.run(toHeader(more), new Uint8Array(), job);
    return job;
  };

  test('has the slots of its engine while that is up', async () => {
    const heard: string[] = [];
    node.slots.subscribe((engineId) => heard.push(engineId));
    expect([node.slots.total('e1'), node.slots.free('e1'), node.slots.total('e2')]).toEqual([2, 2, 0]);
    run();
    expect([node.slots.total('e1'), node.slots.free('e1')]).toEqual([2, 1]);
    engine.problem = new EngineProblem('refused', 'connection refused');
    await clock.advance(1_000);
    expect([node.slots.total('e1'), node.slots.free('e1')]).toEqual([0, 0]);
    expect(heard.length).toBeGreaterThanOrEqual(2);
  });

  test('reports its engines with every change', async () => {
    expect(node.reports.current().engines).toMatchObject([{ engineId: 'e1', health: 'up', slots: 2 }]);
    engine.slots = 5;
    await clock.advance(6_000);
    expect(node.reports.current().engines).toMatchObject([{ slots: 5 }]);
    expect(node.slots.total('e1')).toBe(5);
  });

  test('declines in words', async () => {
    const elsewhere = run({ engineId: 'e2' });
    const full = [run(), run(), run()];
    await settled();
    expect(elsewhere.last).toEqual(['unknown-engine']);
    expect(full.map(({ last }) => last)).toEqual([[], [], ['no-slot']]);
  });

  test('drains: takes nothing new, finishes what runs', async () => {
    const job = run();
    let isDrained = false;
    const drained = node.drain().then(() => {
      isDrained = true;
    });
    const late = run();
    await settled();
    expect(late.last).toEqual(['draining']);
    expect(node.reports.current().draining).toBe(true);
    expect(node.slots.total('e1')).toBe(0);
    expect(isDrained).toBe(false);
    engine.jobs[0]?.output.ended({ outcome: 'done' });
    await drained;
    expect(job.last).toEqual([{ outcome: 'done' }]);
  });

  test('tells its engines the cluster they work for, also those that come later, and looks whether one leads back there', async () => {
    engine.asked.length = 0;
    engine.problem = new EngineProblem('waggle', 'it leads back');
    node.nameCluster('ours');
    node.nameCluster('ours');
    await settled();
    expect(engine.asked).toEqual(['named ours', 'survey']);
    expect(node.reports.current().engines).toMatchObject([{ health: 'down', problem: 'it leads back' }]);
    const late = new ScriptedEngine({ engineId: 'e2' });
    await node.add(late);
    expect(late.asked).toEqual(['named ours', 'survey']);
  });

  test('asks an engine at once that lost a job’s connection', async () => {
    run();
    engine.asked.length = 0;
    engine.problem = new EngineProblem('refused', 'connection refused');
    const failure = { cause: 'unreachable', code: 'engine-unreachable', message: 'refused' } as const;
    engine.jobs[0]?.output.ended({ outcome: 'failed', failure });
    await settled();
    expect(engine.asked).toEqual(['ping']);
    expect(node.slots.total('e1')).toBe(0);
  });

  test('does not ask one that answered with an error', async () => {
    run();
    engine.asked.length = 0;
    const failure = { cause: 'engine', code: 'engine-failed', message: 'x', engineStatus: 500 } as const;
    engine.jobs[0]?.output.ended({ outcome: 'failed', failure });
    await settled();
    expect(engine.asked).toEqual([]);
  });

  test('looks at the models again after they were changed', async () => {
    engine.asked.length = 0;
    const command = { engineId: 'e1', model: 'm', pins: {} };
    await node.unload(command);
    expect(engine.asked).toEqual(['unload m', 'survey']);
    engine.asked.length = 0;
    const request = { operationId: 'o', engineId: 'e1', name: 'delete', bodyJson: '{}' } as const;
    for await (const frame of node.operate(request, none(), new AbortController().signal))
      expect(frame.type).toBe('end');
    expect(engine.asked).toEqual(['delete', 'survey']);
  });

  test('an engine that is not there is an error with a code', async () => {
    const command = { engineId: 'e2', model: 'm', pins: {} };
    await expect(node.load(command, new AbortController().signal)).rejects.toMatchObject({ code: 'not-found' });
    const request = { operationId: 'o', engineId: 'e2', name: 'show', bodyJson: '{}' } as const;
    for await (const frame of node.operate(request, none(), new AbortController().signal)) {
      expect(frame).toMatchObject({ type: 'end', failure: { code: 'not-found' } });
    }
  });

  test('a drain that takes too long is cut: jobs and operations are told why', async () => {
    const job = run();
    const request = { operationId: 'o', engineId: 'e1', name: 'pull', bodyJson: '{}' } as const;
    engine.isSilent = true;
    const pulled = Array.fromAsync(node.operate(request, none(), new AbortController().signal));
    await settled();
    const drained = node.drain();
    node.cut('no more time');
    await drained;
    expect(job.last).toEqual([
      { outcome: 'cancelled', failure: { cause: 'internal', code: 'draining', message: 'no more time' } },
    ]);
    await expect(pulled).rejects.toMatchObject({ code: 'draining', message: 'no more time' });
  });

  test('closing it closes its engines and asks no more', async () => {
    await node.close();
    engine.asked.length = 0;
    await clock.advance(20_000);
    expect(engine.asked).toEqual([]);
    expect(engine.closed).toBe(true);
  });

  test('an engine is served once', async () => {
    const again = new ScriptedEngine();
    await node.add(again);
    expect(again.closed).toBe(true);
    expect(node.reports.current().engines).toHaveLength(1);
  });
});

async function* none(): AsyncGenerator<Uint8Array> {}
