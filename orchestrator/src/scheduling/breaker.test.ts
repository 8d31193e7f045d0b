import { settled } from '@waggle/shared/testing/hand-clock.ts';
import CircuitBreaker from 'opossum';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Breaker, type Outcome } from './breaker.ts';

/** opossum knows no clock but the process's own. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function make(): { breaker: Breaker; due: () => number; closed: () => number } {
  let due = 0;
  let closed = 0;
  const breaker = new Breaker({ onProbeDue: () => due++, onClosed: () => closed++ });
  return { breaker, due: () => due, closed: () => closed };
}

async function feed(breaker: Breaker, ...outcomes: readonly Outcome[]): Promise<void> {
  for (const outcome of outcomes) {
    breaker.admit()?.(outcome);
    await settled();
  }
}

async function open(breaker: Breaker): Promise<void> {
  await feed(breaker, 'fault', 'fault', 'fault', 'fault', 'fault');
  expect(breaker.state).toBe('open');
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await settled();
}

const faults = (count: number) => new Array<Outcome>(count).fill('fault');
const oks = (count: number) => new Array<Outcome>(count).fill('ok');

describe('Breaker', () => {
  it.each([
    ['five faults', faults(5), 'open'],
    ['four faults', faults(4), 'closed'],
    ['exactly half of six', ['fault', 'fault', 'ok', 'ok', 'ok', 'fault'], 'open'],
    ['two of five', ['fault', 'ok', 'ok', 'ok', 'fault'], 'closed'],
    ['49 of 99', ['fault', ...oks(50), ...faults(48)], 'closed'],
    ['50 of 100', ['fault', ...oks(50), ...faults(49)], 'open'],
    ['neutral ones count neither way', ['fault', ...new Array<Outcome>(50).fill('neutral'), ...faults(3)], 'closed'],
  ] as const)('%s', async (_, outcomes, state) => {
    const { breaker } = make();
    await feed(breaker, ...outcomes);
    expect(breaker.state).toBe(state);
  });

  it('counts an outcome once, however often it is told', async () => {
    const { breaker } = make();
    const settle = breaker.admit();
    for (let count = 0; count < 10; count++) settle?.('fault');
    await settled();
    expect(breaker.state).toBe('closed');
  });

  it('forgets faults after 5 s', async () => {
    const { breaker } = make();
    await feed(breaker, ...faults(4));
    await pass(6_000);
    await feed(breaker, ...faults(4));
    expect(breaker.state).toBe('closed');
  });

  it('rests for 6 s, asks for a probe, and closes on its success', async () => {
    const { breaker, due, closed } = make();
    await open(breaker);
    await pass(5_900);
    expect(breaker.admit()).toBeUndefined();
    expect(due()).toBe(0);
    await pass(200);
    expect(breaker.state).toBe('half-open');
    expect([due(), closed()]).toEqual([1, 0]);
    await feed(breaker, 'ok');
    expect(breaker.state).toBe('closed');
    expect(closed()).toBe(1);
  });

  it('opens again when the probe fails, and asks for the next one', async () => {
    const { breaker, due } = make();
    await open(breaker);
    await pass(6_100);
    await feed(breaker, 'fault');
    expect(breaker.state).toBe('open');
    await pass(6_100);
    expect(due()).toBe(2);
  });

  it('lets exactly one probe through, also in the moment between its outcome and the change of state', async () => {
    const { breaker } = make();
    await open(breaker);
    await pass(6_100);
    const probe = breaker.admit();
    expect(breaker.admit()).toBeUndefined();
    probe?.('fault');
    expect(breaker.admit()).toBeUndefined();
    await settled();
    expect(breaker.state).toBe('open');
  });

  it('is clean after the node left: no timer remains, and what was under way counts no more', async () => {
    const { breaker } = make();
    const late = breaker.admit();
    await open(breaker);
    breaker.dispose();
    expect(vi.getTimerCount()).toBe(0);
    expect(breaker.state).toBe('closed');
    late?.('fault');
    await feed(breaker, ...faults(4));
    expect(breaker.state).toBe('closed');
    breaker.dispose();
  });

  it('costs a healthy model nothing, before its first fault and some time after its last', async () => {
    const { breaker } = make();
    await feed(breaker, ...oks(3));
    expect(vi.getTimerCount()).toBe(0);
    await feed(breaker, 'fault', 'ok');
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    await pass(6_000);
    await feed(breaker, 'ok');
    expect(vi.getTimerCount()).toBe(0);
  });
});

/** Each trap is shown on opossum used as its manual says, then on the breaker: a test that could not fail would show nothing. */
describe('Breaker and the traps of opossum', () => {
  it('L1 neighbour kill: one attempt that takes too long does not end another', async () => {
    const controller = new AbortController();
    const naive = new CircuitBreaker((ms: number) => wait(ms, controller.signal), {
      timeout: 100,
      abortController: controller,
    });
    const slow = naive.fire(1_000).catch((error: Error) => error.message);
    await pass(60);
    const quick = naive.fire(80).catch((error: Error) => error.message);
    await pass(100);
    expect(await quick).toBe('aborted');
    await slow;
    naive.shutdown();

    const { breaker } = make();
    const settleSlow = breaker.admit();
    const settleQuick = breaker.admit();
    settleSlow?.('fault');
    await pass(80);
    settleQuick?.('ok');
    await settled();
    expect(breaker.state).toBe('closed');
    breaker.dispose();
  });

  it('L2 self-trip: what our own capacity refuses is no fault', async () => {
    const naive = new CircuitBreaker(() => wait(1_000), { capacity: 5, timeout: false, volumeThreshold: 5 });
    const calls = Array.from({ length: 50 }, () => naive.fire().catch(() => {}));
    await settled();
    expect(naive.opened).toBe(true);
    await pass(1_000);
    await Promise.all(calls);
    naive.shutdown();

    const { breaker } = make();
    const admitted = Array.from({ length: 50 }, () => breaker.admit());
    for (const settle of admitted.slice(5)) settle?.('neutral');
    for (const settle of admitted.slice(0, 5)) settle?.('ok');
    await settled();
    expect(breaker.state).toBe('closed');
  });

  it('L3 hung probe: a probe that is given up frees the place for the next', async () => {
    const naive = new CircuitBreaker(
      (ok: boolean) => (ok ? new Promise<void>(() => {}) : Promise.reject(new Error())),
      {
        timeout: false,
        volumeThreshold: 1,
        resetTimeout: 6_000,
      },
    );
    await naive.fire(false).catch(() => {});
    await pass(6_100);
    void naive.fire(true);
    await pass(3_600_000);
    await expect(naive.fire(true)).rejects.toThrow('Breaker is open');
    naive.shutdown();

    const { breaker, due } = make();
    await open(breaker);
    await pass(6_100);
    const hung = breaker.admit();
    hung?.('fault');
    await pass(6_100);
    expect(due()).toBe(2);
    expect(breaker.admit()).toBeDefined();
    breaker.dispose();
  });

  it('L4 stale success: what was admitted before the breaker opened does not close it', async () => {
    const naive = new CircuitBreaker((ms: number) => (ms > 0 ? wait(ms) : Promise.reject(new Error())), {
      timeout: false,
      volumeThreshold: 5,
      resetTimeout: 6_000,
    });
    const old = naive.fire(7_000);
    for (let count = 0; count < 5; count++) await naive.fire(0).catch(() => {});
    expect(naive.opened).toBe(true);
    await pass(7_000);
    await old;
    expect(naive.closed).toBe(true);
    naive.shutdown();

    const { breaker } = make();
    const settleOld = breaker.admit();
    await open(breaker);
    await pass(6_100);
    settleOld?.('ok');
    await settled();
    expect(breaker.state).toBe('half-open');
    breaker.dispose();
  });

  it('L4 stale fault: what was admitted before the breaker closed again does not count against it', async () => {
    const { breaker } = make();
    const old = Array.from({ length: 20 }, () => breaker.admit());
    await open(breaker);
    await pass(6_100);
    await feed(breaker, 'ok');
    for (const settle of old) settle?.('fault');
    await settled();
    expect(breaker.state).toBe('closed');
    breaker.dispose();
  });

  // L5 (capacity is no bound) is about lanes: see scheduler.test.ts.

  it('L6 errorFilter is not neutral: a neutral outcome does not close a half-open breaker', async () => {
    const naive = new CircuitBreaker(fail, {
      timeout: false,
      volumeThreshold: 1,
      resetTimeout: 6_000,
      errorFilter: (error: Error) => error.message === 'client gone',
    });
    await naive.fire('fault').catch(() => {});
    await pass(6_100);
    await naive.fire('client gone').catch(() => {});
    expect(naive.closed).toBe(true);
    naive.shutdown();

    const { breaker, due } = make();
    await open(breaker);
    await pass(6_100);
    await feed(breaker, 'neutral');
    expect(breaker.state).toBe('half-open');
    expect(due()).toBe(2);
    expect(breaker.admit()).toBeDefined();
    breaker.dispose();
  });

  it('L7 dilution: attempts that only run do not hide that all finished ones failed', async () => {
    const naive = new CircuitBreaker((ms: number) => (ms > 0 ? wait(ms) : Promise.reject(new Error())), {
      timeout: false,
      volumeThreshold: 5,
    });
    const running = Array.from({ length: 20 }, () => naive.fire(1_000));
    for (let count = 0; count < 6; count++) await naive.fire(0).catch(() => {});
    expect(naive.closed).toBe(true);
    await pass(1_000);
    await Promise.all(running);
    naive.shutdown();

    const { breaker } = make();
    for (let count = 0; count < 20; count++) breaker.admit();
    await feed(breaker, ...faults(6));
    expect(breaker.state).toBe('open');
    breaker.dispose();
  });

  it('L8 defaults: one fault does not open, and one fault after closing does not open again', async () => {
    const naive = new CircuitBreaker((ok: boolean) => (ok ? Promise.resolve() : Promise.reject(new Error())), {
      timeout: false,
      resetTimeout: 1_000,
    });
    await naive.fire(false).catch(() => {});
    expect(naive.opened).toBe(true);
    await pass(1_100);
    await naive.fire(true);
    await naive.fire(false).catch(() => {});
    expect(naive.opened).toBe(true);
    naive.shutdown();

    const { breaker } = make();
    await feed(breaker, 'fault');
    expect(breaker.state).toBe('closed');
    await open(breaker);
    await pass(6_100);
    await feed(breaker, 'ok', 'fault');
    expect(breaker.state).toBe('closed');
    breaker.dispose();
  });
});

async function fail(message: string): Promise<void> {
  throw new Error(message);
}

function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => reject(new Error('aborted')));
  });
}
