import { expect, test } from 'vitest';
import { compileFake } from './config/fake-inputs.ts';
import { LiveSettings } from './live-settings.ts';

test('whoever was given a part of them sees what changes', () => {
  const live = new LiveSettings(compileFake({ file: 'nodes: [{ name: a, engine: ollama, url: "http://a" }]' }));
  const { limits, scheduler, models, ownNames, aliases } = live;
  expect([[...ownNames], limits.stallMaxMs, scheduler.heldBytes]).toEqual([
    ['this-machine', 'a'],
    300_000,
    268_435_456,
  ]);
  live.take(
    compileFake({
      file: `
server: { queueSize: 7, concurrency: 8 }
limits: { stallMax: 1, heldBytes: 1GiB, modelLoadMax: 2 }
models: { m: { numCtx: 9 }, fast: [m, n] }
nodes: [{ name: b, engine: ollama, url: "http://a" }]`,
    }),
  );
  expect(limits.stallMaxMs).toBe(1_000);
  expect(scheduler).toEqual({ queueSize: 7, concurrency: 8, heldBytes: 1_073_741_824, modelLoadMaxMs: 2_000 });
  expect(models.of('m:latest').numCtx).toBe(9);
  expect([...aliases()]).toEqual([['fast', ['m', 'n']]]);
  expect([...ownNames]).toEqual(['this-machine', 'b']);
  live.take(compileFake({ argv: ['--no-local'] }));
  expect(scheduler.concurrency).toBeUndefined();
  expect([[...aliases()], models.of('m:latest').numCtx, [...ownNames]]).toEqual([[], undefined, []]);
});
