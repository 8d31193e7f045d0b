import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ModelFolder } from '../testing/model-folder.ts';
import { describeWithLibrary } from '../testing/with-library.ts';
import { ModelProcess } from './model-process.ts';
import type { ModelWork, RunEnd } from './protocol.ts';

describeWithLibrary('the process of a model', { timeout: 60_000 }, () => {
  let folder: ModelFolder;
  let file: string;
  beforeAll(async () => {
    folder = await ModelFolder.make(['talker']);
    file = path.join(folder.path, 'talker.gguf');
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  const order = () => ({ path: file, numCtx: 512, slots: 1, threads: 1, embeds: false });

  test('ends with the program that loaded it, however that ends', async () => {
    const program = fileURLToPath(new URL('../testing/hold-model.ts', import.meta.url));
    const holder = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = await once(holder.stdout, 'data');
    const pid = Number(String(said));
    expect(isAlive(pid)).toBe(true);
    holder.kill('SIGKILL');
    while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
  });

  test('a load that is given up leaves nothing behind', async () => {
    const gone = new AbortController();
    const loading = ModelProcess.load(order(), gone.signal);
    gone.abort(new Error('enough'));
    await expect(loading).rejects.toThrow('enough');
    await expect(ModelProcess.load(order(), gone.signal)).rejects.toThrow('enough');
  });

  test('what is no model is refused in words', async () => {
    const loading = ModelProcess.load(
      { ...order(), path: fileURLToPath(import.meta.url) },
      new AbortController().signal,
    );
    await expect(loading).rejects.toMatchObject({
      code: 'engine-failed',
      message: expect.stringMatching(/^the model cannot be loaded: ./),
    });
  });

  test('a run that does not stop when it is told to takes the process along', async () => {
    const clock = new HandClock();
    const model = await ModelProcess.load(order(), new AbortController().signal, clock);
    // It cannot hear: as if a template looped for ever.
    process.kill(model.pid ?? 0, 'SIGSTOP');
    const ended = new Promise<RunEnd>((resolve) => {
      model.run(toWork('words'), { events() {}, ended: resolve }).cancel();
    });
    await clock.advance(59_000);
    expect(isAlive(model.pid ?? 0)).toBe(true);
    await clock.advance(1_000);
    expect(await ended).toMatchObject({ outcome: 'failed', failure: { code: 'engine-failed' } });
    const late = new Promise<RunEnd>((resolve) => {
      model.run(toWork('words'), { events() {}, ended: resolve });
    });
    expect(await late).toMatchObject({ outcome: 'failed', failure: { message: 'the process of the model has ended' } });
  });

  test('whoever ends it gets it ended', async () => {
    const model = await ModelProcess.load(order(), new AbortController().signal);
    const { pid = 0 } = model;
    expect(model.loaded).toEqual({ numCtx: 512, ramBytes: expect.any(Number), vramBytes: 0 });
    await model.end();
    expect(isAlive(pid)).toBe(false);
  });
});

function toWork(prompt: string): ModelWork {
  return {
    request: { kind: 'generate', model: 'm', stream: true, prompt, sampling: {} },
    stream: true,
    truncates: true,
    shifts: true,
    normalises: true,
    defaults: { temperature: 0, topP: 1 },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
