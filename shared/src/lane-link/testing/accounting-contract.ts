import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinkBench, type MakeLink } from './link-bench.ts';
import type { ScriptedHost, ScriptedJob } from './scripted-host.ts';
import { settle, until } from './waiting.ts';

/** What may happen, each with a number to choose whom it happens to. */
const happenings = [
  'bind',
  'bind',
  'bind',
  'say',
  'end',
  'end',
  'decline',
  'cancel',
  'pause',
  'resume',
  'slots',
  'foreign',
  'turn',
  'rest',
] as const;
type Happening = (typeof happenings)[number];

const mostSlots = 6;

/** The properties of the accounting: whatever happens in whatever order, no job and no slot is ever lost or used twice. */
export function describeAccounting(makeLink: MakeLink): void {
  test('random events: every job ends once, idle lanes are never more than free slots, and all come back', async () => {
    const step = fc.tuple(fc.constantFrom(...happenings), fc.nat(1000));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80 }), async (steps) => {
        const bench = new LinkBench(makeLink);
        try {
          await new RandomRun(bench).play(steps);
        } finally {
          await bench.dispose();
        }
        expect(bench.events.violations).toEqual([]);
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  test('random events, then the node is gone: every job was told, every engine job cancelled', async () => {
    const step = fc.tuple(fc.constantFrom(...happenings), fc.nat(1000));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const bench = new LinkBench(makeLink);
        try {
          await new RandomRun(bench).playAndCrash(steps);
        } finally {
          await bench.dispose();
        }
        expect(bench.events.violations).toEqual([]);
      }),
      { numRuns: 20 },
    );
  }, 60_000);
}

class RandomRun {
  readonly #bench: LinkBench;
  readonly #jobs: ScriptedJob[] = [];
  #foreign = 0;

  constructor(bench: LinkBench) {
    this.#bench = bench;
  }

  async play(steps: readonly (readonly [Happening, number])[]): Promise<void> {
    const host = await this.#perform(steps);
    const { events } = this.#bench;
    for (const { lane } of events.observers) lane.resume();
    // Jobs that are still on their way to the host are ended when they arrive.
    host.onJob = (job) => {
      setImmediate(() => job.end());
      return true;
    };
    for (const job of this.#running()) job.end();
    await until(() => events.observers.every(({ outcome }) => outcome !== undefined));
    await this.#rest(host);
    expect(events.busy.size).toBe(0);
    await this.#bench.link.drain();
    await until(() => events.link === undefined);
    expect(host.running).toBe(0);
  }

  async playAndCrash(steps: readonly (readonly [Happening, number])[]): Promise<void> {
    await this.#perform(steps);
    const { events } = this.#bench;
    this.#bench.link.crash();
    await until(() => events.link === undefined);
    expect(events.observers.filter(({ outcome }) => outcome === undefined)).toEqual([]);
    await until(() => this.#running().every(({ isCancelled }) => isCancelled));
  }

  async #perform(steps: readonly (readonly [Happening, number])[]): Promise<ScriptedHost> {
    const host = await this.#bench.join({ e1: 3, e2: 2 });
    host.onJob = (job) => {
      this.#jobs.push(job);
      return true;
    };
    for (const [happening, choice] of steps) await this.#happen(host, happening, choice);
    return host;
  }

  async #happen(host: ScriptedHost, happening: Happening, choice: number): Promise<void> {
    const { events } = this.#bench;
    const engineId = choice % 2 === 0 ? 'e1' : 'e2';
    switch (happening) {
      case 'bind': {
        const lane = pick(events.idle, choice);
        if (lane !== undefined) events.bind(lane, {}, Buffer.alloc(choice * 600));
        return;
      }
      case 'say':
        pick(this.#running(), choice)?.native('x'.repeat(choice * 100));
        return;
      case 'end':
        pick(this.#running(), choice)?.end();
        return;
      case 'decline':
        pick(this.#running(), choice)?.decline();
        return;
      case 'cancel':
        pick([...events.busy.keys()], choice)?.cancel();
        return;
      case 'pause':
        pick([...events.busy.keys()], choice)?.pause();
        return;
      case 'resume':
        pick([...events.busy.keys()], choice)?.resume();
        return;
      case 'slots':
        host.setSlots(engineId, choice % (mostSlots + 1));
        return;
      case 'foreign':
        host.takeElsewhere('e1', this.#foreign === 0 ? 1 : -1);
        this.#foreign = 1 - this.#foreign;
        return;
      case 'turn':
        await settle(1);
        return;
      case 'rest':
        if (events.busy.size === 0) await this.#rest(host);
        return;
    }
  }

  #running(): readonly ScriptedJob[] {
    return this.#jobs.filter((job) => !job.isOver);
  }

  /** At rest there is exactly one idle lane for each free slot. */
  async #rest(host: ScriptedHost): Promise<void> {
    const { events } = this.#bench;
    for (const engineId of ['e1', 'e2']) {
      await until(() => events.idle.filter((lane) => lane.engineId === engineId).length === host.free(engineId));
    }
  }
}

function pick<T>(items: readonly T[], choice: number): T | undefined {
  return items.length === 0 ? undefined : items[choice % items.length];
}
