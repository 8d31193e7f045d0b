import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LlamaRun } from './llama-run.ts';
import { ModelProcess } from './process/model-process.ts';
import { AskedJob } from './testing/built-in-engine.ts';
import { endlessWork, toOrder } from './testing/endless-work.ts';
import { ModelFolder } from './testing/model-folder.ts';
import { describeWithLibrary } from './testing/with-library.ts';

describeWithLibrary('a job on a model whose process dies', () => {
  let folder: ModelFolder;
  let model: ModelProcess;

  beforeAll(async () => {
    folder = await ModelFolder.make(['talker']);
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  async function start(attempt: number, isFrozen: boolean): Promise<AskedJob> {
    const file = path.join(folder.path, 'talker.gguf');
    model = await ModelProcess.load(toOrder(file), new AbortController().signal);
    if (isFrozen) process.kill(model.pid ?? 0, 'SIGSTOP');
    const lease = { process: model, loadMs: 0, giveBack() {} };
    const job = new AskedJob();
    new LlamaRun(job, attempt).start(() => ({ work: endlessWork, use: async () => lease }));
    return job;
  }

  test.each([
    ['is given back before it began', 1, 'cancelled'],
    ['has failed when that happens again', 2, 'failed'],
  ])('%s', async (_what, attempt, outcome) => {
    const job = await start(attempt, true);
    process.kill(model.pid ?? 0, 'SIGKILL');
    expect(await job.end).toMatchObject({
      outcome,
      failure: { cause: 'engine', code: 'engine-failed', message: expect.stringContaining('SIGKILL') },
    });
  });

  test('has failed where its answer had begun', async () => {
    const job = await start(1, false);
    await job.begun();
    process.kill(model.pid ?? 0, 'SIGKILL');
    expect(await job.end).toMatchObject({ outcome: 'failed', failure: { cause: 'engine' } });
  });
});
