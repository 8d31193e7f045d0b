import { notSeated } from '@waggle/shared/collections/roster.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { FakeLane } from '../testing/fake-link.ts';
import { type BoundJob, EngineLanes } from './engine-lanes.ts';
import type { ServedModel } from './served-model.ts';

function served(): ServedModel {
  const cluster = new FakeCluster();
  cluster.join('a', { lanes: 0 });
  return cluster.served('a');
}

function toJob(model: ServedModel): BoundJob {
  return {
    served: model,
    boundAt: 0,
    promptTokens: 1,
    expectedTokens: 1,
    tokensOut: 0,
    firstEventAt: undefined,
    seat: notSeated,
  };
}

describe('EngineLanes', () => {
  it('binds the lane that was used last, so that busy lanes stay together', () => {
    const lanes = new EngineLanes();
    const model = served();
    const [first, second] = [new FakeLane(1, 'e'), new FakeLane(2, 'e')];
    lanes.open(first);
    lanes.open(second);
    expect(lanes.bind(toJob(model))).toBe(second);
    lanes.release(second);
    expect(lanes.bind(toJob(model))).toBe(second);
    expect(lanes.bind(toJob(model))).toBe(first);
    expect(lanes.bind(toJob(model))).toBeUndefined();
  });

  it('keeps a cancelled job on its lane until the engine stopped', () => {
    const lanes = new EngineLanes();
    const model = served();
    const lane = new FakeLane(1, 'e');
    lanes.open(lane);
    lanes.bind(toJob(model));
    lanes.drain(lane);
    lanes.drain(lane);
    expect([lanes.idle, lanes.bound, lanes.draining, model.running.size]).toEqual([0, 0, 1, 1]);
    lanes.release(lane);
    lanes.release(lane);
    expect([lanes.idle, lanes.bound, lanes.draining, model.running.size]).toEqual([1, 0, 0, 0]);
  });

  it('refuses to open a lane twice', () => {
    const lanes = new EngineLanes();
    const lane = new FakeLane(1, 'e');
    lanes.open(lane);
    expect(() => lanes.open(lane)).toThrow(/twice/);
  });

  it('idle + bound + draining are the open lanes, whatever happens in whatever order', () => {
    const event = fc.tuple(fc.constantFrom('open', 'close', 'bind', 'drain', 'release'), fc.nat({ max: 11 }));
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const lanes = new EngineLanes();
        const models = [served(), served()];
        const known = Array.from({ length: 12 }, (_, index) => new FakeLane(index, 'e'));
        const model = new Map<FakeLane, 'idle' | 'bound' | 'draining'>();
        const owners = new Map<FakeLane, ServedModel>();
        for (const [name, index] of events) {
          const lane = known[index] ?? known[0];
          if (lane === undefined) return;
          if (name === 'open' && !model.has(lane)) {
            lanes.open(lane);
            model.set(lane, 'idle');
          } else if (name === 'close') {
            lanes.close(lane);
            model.delete(lane);
            owners.delete(lane);
          } else if (name === 'bind') {
            const owner = models[index % 2] ?? served();
            const bound = lanes.bind(toJob(owner));
            expect(bound === undefined).toBe(![...model.values()].includes('idle'));
            if (bound instanceof FakeLane) {
              expect(model.get(bound)).toBe('idle');
              model.set(bound, 'bound');
              owners.set(bound, owner);
            }
          } else if (name === 'drain') {
            lanes.drain(lane);
            if (model.get(lane) === 'bound') model.set(lane, 'draining');
          } else if (name === 'release') {
            lanes.release(lane);
            if (model.has(lane)) model.set(lane, 'idle');
            owners.delete(lane);
          }
          const count = (state: string) => [...model.values()].filter((value) => value === state).length;
          expect([lanes.idle, lanes.bound, lanes.draining]).toEqual([count('idle'), count('bound'), count('draining')]);
          expect(lanes.idle + lanes.bound + lanes.draining).toBe([...lanes.lanes()].length);
          expect([...lanes.jobs()]).toHaveLength(lanes.busy);
          for (const owner of models)
            expect(owner.running.size).toBe([...owners.values()].filter((value) => value === owner).length);
        }
        for (const lane of known) lanes.close(lane);
        expect(lanes.idle + lanes.busy + models.reduce((sum, owner) => sum + owner.running.size, 0)).toBe(0);
      }),
    );
  });
});
