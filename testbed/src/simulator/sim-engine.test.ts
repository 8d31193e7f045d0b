import { expect, it } from 'vitest';
import { SimClock } from './sim-clock.ts';
import { SimEngine } from './sim-engine.ts';

const spec = {
  name: 'a',
  parallel: 2,
  maxLoaded: 1,
  prefillMs: 1,
  decodeMs: 10,
  slowdownMs: 5,
  loadMs: 1_000,
  hot: ['m'],
};

interface Started {
  firstAt?: number;
  endAt?: number;
}

function start(clock: SimClock, engine: SimEngine, model: string, promptTokens: number, outputTokens: number): Started {
  const times: Started = {};
  engine.start({
    model,
    promptTokens,
    outputTokens,
    onFirstToken: () => (times.firstAt = clock.now()),
    onEnd: () => (times.endAt = clock.now()),
  });
  return times;
}

async function run(play: (clock: SimClock, engine: SimEngine) => void): Promise<void> {
  const clock = new SimClock();
  play(clock, new SimEngine(clock, spec));
  await clock.run(() => false);
}

it('computes a prompt, then an answer', async () => {
  let times: Started = {};
  await run((clock, engine) => (times = start(clock, engine, 'm', 100, 20)));
  expect(times).toEqual({ firstAt: 100, endAt: 300 });
});

it('shares the machine among jobs that run at once', async () => {
  const times: Started[] = [];
  await run((clock, engine) => {
    for (let job = 0; job < 2; job++) times.push(start(clock, engine, 'm', 100, 20));
  });
  for (const { firstAt, endAt } of times) {
    expect(firstAt).toBeCloseTo(200);
    expect(endAt).toBeCloseTo(500);
  }
});

it('runs no more jobs of a model at once than it may', async () => {
  const times: Started[] = [];
  await run((clock, engine) => {
    for (let job = 0; job < 3; job++) times.push(start(clock, engine, 'm', 100, 20));
    expect([engine.running, engine.waiting]).toEqual([2, 1]);
  });
  expect(times[2]?.firstAt).toBeGreaterThan(times[0]?.endAt ?? 0);
});

it('unloads an idle model for another, never one that works', async () => {
  const times: Started[] = [];
  await run((clock, engine) => {
    times.push(start(clock, engine, 'm', 100, 20), start(clock, engine, 'other', 100, 20));
    clock.at(299, () => expect([engine.state('m'), engine.state('other')]).toEqual(['hot', 'cold']));
    clock.at(301, () => expect([engine.state('m'), engine.state('other')]).toEqual(['cold', 'loading']));
  });
  expect(times[1]?.firstAt).toBe(300 + 1_000 + 100);
});

it('stands still while it is frozen, and forgets everything when it crashes', async () => {
  let frozen: Started = {};
  await run((clock, engine) => {
    frozen = start(clock, engine, 'm', 100, 20);
    clock.at(50, () => engine.freeze(true));
    clock.at(1_050, () => engine.freeze(false));
  });
  expect(frozen.endAt).toBe(1_300);
  let crashed: Started = {};
  await run((clock, engine) => {
    crashed = start(clock, engine, 'm', 100, 20);
    clock.at(50, () => engine.crash());
  });
  expect(crashed).toEqual({});
});
