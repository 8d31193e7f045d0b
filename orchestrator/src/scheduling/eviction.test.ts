import { describe, expect, it } from 'vitest';
import { toBoundJob, toChoosableJob, toPlacement } from '../testing/fake-placement.ts';
import { choose } from './choose.ts';
import { fairShareEndsAt, findRoom } from './eviction.ts';
import type { Placement } from './placement.ts';

const now = 1_000_000;

function wanted(neighbours: readonly Placement[], hasRoom = false): Placement {
  return toPlacement('a', { modelState: 'cold', neighbours, hasRoom });
}

describe('findRoom', () => {
  it('is free where the model fits beside the others', () => {
    expect(findRoom(wanted([toPlacement('a')], true), now)).toEqual({ inMs: 0, victim: undefined, costMs: 0 });
  });

  it('takes the idle model that was not used for longest', () => {
    const used = toPlacement('a', { model: 'used', lastBoundAt: now - 1_000 });
    const old = toPlacement('a', { model: 'old', lastBoundAt: now - 600_000 });
    const room = findRoom(wanted([used, old]), now);
    expect(room).toMatchObject({ inMs: 0, victim: old });
    expect(room.costMs).toBeLessThan(10);
    expect(findRoom(wanted([used]), now).costMs).toBeGreaterThan(4_000);
  });

  it('never takes a model with jobs: it waits until they end', () => {
    const busy = toPlacement('a', { running: [toBoundJob({ tokensOut: 40 })] });
    expect(findRoom(wanted([busy]), now)).toMatchObject({ inMs: 600, victim: busy });
    const idle = toPlacement('a', { lastBoundAt: now });
    expect(findRoom(wanted([busy, idle]), now)).toMatchObject({ inMs: 0, victim: idle });
  });

  it('leaves a model that is in use where it is for a while, and one that is not in use for less', () => {
    const used = toPlacement('a', { residentSince: now - 29_500, lastEndedAt: now });
    expect(findRoom(wanted([used]), now).inMs).toBe(500);
    const fresh = toPlacement('a', { residentSince: now - 1_000 });
    expect(findRoom(wanted([fresh]), now).inMs).toBe(250);
    const slowToLoad = toPlacement('a', { residentSince: now - 1_000, rates: { loadMs: 40_000 } });
    expect(findRoom(wanted([slowToLoad]), now).inMs).toBe(9_000);
  });

  it('loads one model at a time', () => {
    const loading = toPlacement('a', { modelState: 'cold', loadingSince: now - 1_000 });
    expect(findRoom(wanted([loading], true), now).inMs).toBe(4_000);
  });

  it('makes a job wait for a place that has no room yet, without a load', () => {
    const fresh = toPlacement('a', { residentSince: now - 1_000 });
    expect(choose([wanted([fresh])], toChoosableJob(), now)).toMatchObject({ action: 'wait', isOpen: false });
    expect(choose([wanted([fresh])], toChoosableJob(), now + 250)).toMatchObject({ action: 'load' });
  });
});

describe('fairShareEndsAt', () => {
  it.each([
    ['the model has stayed its time', 0, now - 10_000, now + 20_000],
    ['the job has waited its time', now - 10_000, now - 40_000, now + 20_000],
    ['loading takes long', now - 10_000, now - 40_000, now + 50_000, 30_000],
  ])('is when %s', (_, residentSince, heldSince, at, loadMs = 5_000) => {
    expect(fairShareEndsAt(toPlacement('a', { residentSince, rates: { loadMs } }), { heldSince })).toBe(at);
  });
});
