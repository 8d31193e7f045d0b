import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import type { Sampling } from '@waggle/shared/chat/generation-request.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FactsCache } from './facts-cache.ts';
import type { StoredModel } from './models/model-store.ts';
import { FileInspector } from './process/file-inspector.ts';
import type { ModelWork, RunEnd } from './process/protocol.ts';
import { Residents, type ResidentsDeps } from './residents.ts';
import { ModelFolder, scripts } from './testing/model-folder.ts';
import { describeWithLibrary } from './testing/with-library.ts';

const gibibyte = 1024 ** 3;
const forever = new AbortController().signal;

describeWithLibrary('models in memory', { timeout: 60_000 }, () => {
  let folder: ModelFolder;
  let inspector: FileInspector;
  let facts: FactsCache;
  beforeAll(async () => {
    folder = await ModelFolder.make(['talker', 'slow', 'embedder']);
    inspector = new FileInspector(systemClock);
    facts = new FactsCache(inspector);
  });
  afterAll(async () => {
    await inspector.close();
    await folder[Symbol.asyncDispose]();
  });

  function open(more: Partial<ResidentsDeps> = {}) {
    const clock = new HandClock();
    const residents = new Residents({
      settings: { slots: 1, mostSlots: 4, maxLoadedModels: 3, defaultNumCtx: 1_024 },
      factsOf: (model) => facts.get(model),
      availableBytes: () => 8 * gibibyte,
      clock,
      changed: () => {},
      ...more,
    });
    return { residents, clock, [Symbol.asyncDispose]: () => residents.close() };
  }

  function find(name: string): StoredModel {
    const model = folder.store.find(name);
    if (model === undefined) throw new Error(`no model ${name}`);
    return model;
  }

  test('a model that is killed fails what runs on it, and is loaded anew', async () => {
    const warnings: unknown[] = [];
    await using opened = open({ logger: { ...silentLogger, warn: (...event) => void warnings.push(event) } });
    const { residents } = opened;
    const lease = await residents.use(find('talker'), {}, forever);
    const run = new Run();
    lease.process.run(toWork('on'), run);
    await run.begun;
    process.kill(lease.process.pid ?? 0, 'SIGKILL');
    expect(await run.end).toMatchObject({
      outcome: 'failed',
      failure: { code: 'engine-failed', message: expect.stringContaining('SIGKILL') },
    });
    expect(residents.find(find('talker').path)).toBeUndefined();
    expect(warnings).toEqual([['model-process-died', { model: 'talker:latest', how: 'it died of SIGKILL' }]]);
    lease.giveBack();
    const again = await residents.use(find('talker'), {}, forever);
    expect(again.process.pid).not.toBe(lease.process.pid);
    const answer = new Run();
    again.process.run(toWork('words'), answer);
    expect((await answer.end).outcome).toBe('done');
    expect(answer.text).toBe(scripts.words);
    again.giveBack();
    await residents.unload(find('talker').path);
    expect(warnings).toHaveLength(1);
  });

  test('a job that is cancelled while the prompt is read stops within a piece of it', async () => {
    await using opened = open({ settings: { slots: 2, mostSlots: 4, maxLoadedModels: 3, defaultNumCtx: 4_096 } });
    const lease = await opened.residents.use(find('slow'), {}, forever);
    const long = toWork(`${'and so forth and '.repeat(200)} words`);
    const run = new Run();
    const running = lease.process.run(long, run);
    // Another one goes on between its pieces; when that has said a word, the first is in the middle of its prompt.
    const other = new Run();
    lease.process.run(toWork('words', { maxTokens: 1 }), other);
    expect((await other.end).outcome).toBe('done');
    running.cancel();
    const { outcome, usage } = await run.end;
    expect(outcome).toBe('cancelled');
    expect(usage).toEqual({ promptTokens: expect.any(Number), completionTokens: 0 });
    expect(run.text).toBe('');
    // What it had read by then is what the next one need not read.
    const again = new Run();
    lease.process.run(long, again);
    const { usage: spent } = await again.end;
    expect(spent?.promptTokens).toBe(usage?.promptTokens);
    expect(spent?.cachedTokens).toBeGreaterThan(0);
    expect(spent?.cachedTokens).toBeLessThan((usage?.promptTokens ?? 0) - 500);
  });

  test('a job that is cancelled while it answers stops at the next token', async () => {
    await using opened = open();
    const lease = await opened.residents.use(find('talker'), {}, forever);
    const run = new Run();
    const running = lease.process.run(toWork('on'), run);
    await run.begun;
    running.cancel();
    running.cancel();
    const { outcome, usage } = await run.end;
    expect(outcome).toBe('cancelled');
    expect(usage?.completionTokens).toBeLessThan(4_000);
  });

  test('it goes when its time is over, at once with 0, never with a negative one', async () => {
    await using opened = open();
    const { residents, clock } = opened;
    const model = find('talker');
    const lease = await residents.use(model, { keepAliveSeconds: 60 }, forever);
    await clock.advance(70_000);
    expect(residents.find(model.path)?.state).toBe('hot');
    lease.giveBack();
    expect(residents.find(model.path)?.expiresAt).toBeGreaterThan(Date.now() + 50_000);
    await clock.advance(59_000);
    expect(residents.find(model.path)?.state).toBe('hot');
    const used = await residents.use(model, {}, forever);
    used.giveBack();
    await clock.advance(59_000);
    expect(residents.find(model.path)?.state).toBe('hot');
    await clock.advance(1_000);
    expect(residents.find(model.path)?.state).not.toBe('hot');
    await lease.process.exited;

    const stays = await residents.use(model, { keepAliveSeconds: -1 }, forever);
    stays.giveBack();
    await clock.advance(2 ** 31);
    expect(residents.find(model.path)).toMatchObject({ state: 'hot', expiresAt: undefined });
    const goes = await residents.use(model, { keepAliveSeconds: 0 }, forever);
    goes.giveBack();
    await goes.process.exited;
    expect(residents.find(model.path)?.state).not.toBe('hot');
  });

  test('unload waits for what runs', async () => {
    await using opened = open();
    const { residents } = opened;
    const model = find('talker');
    const lease = await residents.use(model, {}, forever);
    await residents.unload(model.path);
    expect(residents.find(model.path)?.state).toBe('hot');
    lease.giveBack();
    await lease.process.exited;
    await residents.unload(model.path);
  });

  test('a larger context is another load, which waits for what runs; a smaller one is not', async () => {
    await using opened = open();
    const { residents } = opened;
    const model = find('talker');
    const lease = await residents.use(model, { numCtx: 512 }, forever);
    expect(lease.process.loaded.numCtx).toBe(512);
    const same = await residents.use(model, { numCtx: 256 }, forever);
    expect(same.process).toBe(lease.process);
    same.giveBack();
    const larger = residents.use(model, { numCtx: 2_048 }, forever);
    lease.giveBack();
    const grown = await larger;
    expect(grown.process).not.toBe(lease.process);
    expect(grown.process.loaded.numCtx).toBe(2_048);
    grown.giveBack();
    // As long as it was trained for, and no longer.
    const most = await residents.use(model, { numCtx: 1_000_000 }, forever);
    expect(most.process.loaded.numCtx).toBe(8_192);
    const again = await residents.use(model, { numCtx: 2_000_000 }, forever);
    expect(again.process).toBe(most.process);
  });

  test('a model that cannot fit is refused in words, before anything is loaded', async () => {
    await using opened = open({ availableBytes: () => gibibyte / 8 });
    const refusal = opened.residents.use(find('talker'), {}, forever);
    await expect(refusal).rejects.toMatchObject({
      code: 'engine-failed',
      message: expect.stringMatching(
        /^talker:latest needs 0\.\d\d GiB of memory with a context of 1024 tokens, and 0\.1\d GiB can be had/,
      ),
    });
    expect(opened.residents.find(find('talker').path)).toBeUndefined();
  });

  test('where memory is short, fewer requests at once are better than none', async () => {
    // Room for the reserve, the weights and a context of about this size.
    await using opened = open({
      settings: { mostSlots: 4, maxLoadedModels: 3, defaultNumCtx: 8_192 },
      availableBytes: () => available,
    });
    let available = 8 * gibibyte;
    const { residents } = opened;
    const model = find('talker');
    const known = await facts.get(model);
    expect(residents.plan(model, known, undefined).slots).toBe(4);
    const sequence = known.contextBytesPerToken * 8_192;
    available = gibibyte / 4 + known.weightsBytes + known.contextBytes + 2.5 * sequence;
    // Said once, said for good, as long as nobody has to load it.
    expect(residents.plan(model, known, undefined).slots).toBe(4);
    const lease = await residents.use(model, {}, forever);
    expect(residents.find(model.path)?.plan.slots).toBe(2);
    lease.giveBack();
    expect(residents.plan(model, known, undefined).slots).toBe(2);
  });

  test('the one that was used least recently makes room', async () => {
    await using opened = open({ settings: { slots: 1, mostSlots: 4, maxLoadedModels: 1, defaultNumCtx: 1_024 } });
    const { residents } = opened;
    const talker = await residents.use(find('talker'), {}, forever);
    const waiting = residents.use(find('embedder'), {}, forever);
    const impatient = new AbortController();
    const givenUp = residents.use(find('embedder'), {}, impatient.signal);
    impatient.abort(new Error('enough'));
    await expect(givenUp).rejects.toThrow('enough');
    expect(residents.find(find('talker').path)?.state).toBe('hot');
    talker.giveBack();
    await waiting;
    expect(residents.find(find('talker').path)).toBeUndefined();
  });

  test('one load for all who want the model at once, and nothing to report of jobs that end', async () => {
    let changes = 0;
    await using opened = open({ changed: () => changes++ });
    const leases = await Promise.all(
      Array.from({ length: 3 }, () => opened.residents.use(find('talker'), {}, forever)),
    );
    expect(new Set(leases.map(({ process: { pid } }) => pid)).size).toBe(1);
    const before = changes;
    for (const lease of leases) lease.giveBack();
    expect(changes).toBe(before);
  });

  test('a file that is no model is an error for each who wants it', async () => {
    await using opened = open({ factsOf: async () => facts.get(find('talker')) });
    const broken: StoredModel = { ...find('talker'), name: 'broken:latest', path: '/dev/null' };
    for (let time = 0; time < 2; time++) {
      const load = opened.residents.use(broken, {}, forever);
      await expect(load).rejects.toMatchObject({
        code: 'engine-failed',
        message: expect.stringContaining('cannot be loaded'),
      });
    }
    const unknown = facts.get({ ...broken, header: { ...broken.header } });
    await expect(unknown).rejects.toMatchObject({
      code: 'engine-failed',
      message: expect.stringContaining('broken:latest'),
    });
  });
});

function toWork(text: string, sampling: Sampling = {}): ModelWork {
  return {
    request: {
      kind: 'chat',
      model: 'm',
      stream: true,
      sampling,
      messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    },
    stream: true,
    truncates: true,
    shifts: true,
    normalises: true,
    defaults: { temperature: 0, topP: 1 },
  };
}

class Run {
  text = '';
  readonly #begun = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<RunEnd>();
  readonly begun = this.#begun.promise;
  readonly end = this.#end.promise;

  events(events: readonly ChatEvent[]): void {
    for (const event of events) if (event.type === 'text-delta') this.text += event.text;
    this.#begun.resolve();
  }

  ended(end: RunEnd): void {
    this.#end.resolve(end);
  }
}
