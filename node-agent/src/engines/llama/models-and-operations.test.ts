import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { OperationName } from '@waggle/shared/cluster/operation.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LlamaEngine } from './llama-engine.ts';
import { ask, say, startEngine } from './testing/built-in-engine.ts';
import { ModelFolder } from './testing/model-folder.ts';
import { describeWithLibrary } from './testing/with-library.ts';

describeWithLibrary('what the built-in engine tells of its models', { timeout: 60_000 }, () => {
  let folder: ModelFolder;
  let engine: LlamaEngine;
  let hasOthers = false;
  const start = async (names?: Parameters<typeof ModelFolder.make>[0]) => {
    folder = await ModelFolder.make(names);
    engine = startEngine(folder.store, { hasOtherModels: () => hasOthers });
  };
  beforeEach(() => {
    hasOthers = false;
  });
  afterEach(async () => {
    await engine.close();
    await folder[Symbol.asyncDispose]();
  });

  const survey = () => engine.probe.survey(AbortSignal.timeout(5_000));
  /** Once the files were looked at. */
  const report = async (name: string): Promise<ModelReport> => {
    for (;;) {
      const told = new Promise<void>((resolve) => engine.watch?.(resolve));
      const { models } = await survey();
      const found = models.find((model) => model.name === name);
      if (found?.capabilities !== undefined) return found;
      await told;
    }
  };

  async function operate(name: OperationName, body: object) {
    let status: number | undefined;
    let text = '';
    let failure: unknown;
    const request = { operationId: 'o', engineId: 'builtin', name, bodyJson: JSON.stringify(body) };
    for await (const frame of engine.models.operate(request, nothing(), AbortSignal.timeout(30_000))) {
      if (frame.type === 'head') status = frame.status;
      else if (frame.type === 'chunk') text += Buffer.from(frame.bytes).toString();
      else failure = frame.failure;
    }
    return { status, text, failure };
  }

  test('what a model is, cold and loaded, in Ollama’s form', async () => {
    await start();
    expect(await report('talker:latest')).toMatchObject({
      sizeBytes: expect.any(Number),
      state: 'cold',
      capabilities: ['completion', 'tools', 'thinking'],
      contextLength: 8_192,
      numCtx: 4_096,
      parallel: 4,
      family: 'llama',
      quantization: 'F32',
    });
    expect(await report('embedder:latest')).toMatchObject({ capabilities: ['embedding'], parallel: 1 });
    expect(await survey()).toMatchObject({ kind: 'builtin', version: expect.stringMatching(/^\d+\.\d+/), slots: 5 });
    await say(engine, 'words').end;
    const hot = await report('talker:latest');
    expect(hot).toMatchObject({
      state: 'hot',
      numCtx: 4_096,
      resident: { vramBytes: 0, sizeBytes: expect.any(Number) },
    });
    const tag = JSON.parse(hot.tagJson ?? '');
    const ps = JSON.parse(hot.psJson ?? '');
    const details = { format: 'gguf', family: 'llama', parameter_size: hot.parameterSize, quantization_level: 'F32' };
    expect(tag).toMatchObject({ name: 'talker:latest', model: 'talker:latest', details, size: hot.sizeBytes });
    expect(tag).not.toHaveProperty('scripted');
    expect(ps).toMatchObject({ name: 'talker:latest', details, size_vram: 0, context_length: 4_096 });
    expect(Date.parse(ps.expires_at)).toBeGreaterThan(Date.now() + 200_000);
    await engine.models.unload({ engineId: 'builtin', model: 'talker', pins: {} }, AbortSignal.timeout(5_000));
    expect(await report('talker:latest')).toMatchObject({ state: 'cold' });
  });

  test('loading, with the context that was asked for', async () => {
    await start(['talker']);
    const command = { engineId: 'builtin', model: 'talker', pins: { numCtx: 1_024, keepAliveSeconds: -1 } };
    const loading = engine.models.load(command, AbortSignal.timeout(30_000));
    await loading;
    const hot = await report('talker:latest');
    expect(hot).toMatchObject({ state: 'hot', numCtx: 1_024 });
    expect(JSON.parse(hot.psJson ?? '')).toMatchObject({ context_length: 1_024, expires_at: '2318-12-31T23:59:59Z' });
    const absent = engine.models.load({ ...command, model: 'absent' }, AbortSignal.timeout(5_000));
    await expect(absent).rejects.toMatchObject({ code: 'model-not-found' });
  });

  test('the stand-in is there as long as there is nothing else', async () => {
    await start([]);
    const hello = await report('hello:latest');
    expect(hello).toMatchObject({ scripted: true, capabilities: ['completion'] });
    expect(JSON.parse(hello.tagJson ?? '')).toMatchObject({ scripted: true });
    const answer = await ask(engine, 'hello', { messages: [{ role: 'user', content: 'hi' }] }).answer();
    expect(answer.text).toContain('Waggle works.');
    expect((await operate('delete', { model: 'hello' })).failure).toMatchObject({ code: 'model-not-found' });
    hasOthers = true;
    expect((await survey()).models).toEqual([]);
    hasOthers = false;
    expect((await survey()).models).toMatchObject([{ name: 'hello:latest' }]);
    await using real = await ModelFolder.make(['talker']);
    await copyFile(path.join(real.path, 'talker.gguf'), path.join(folder.path, 'mine.gguf'));
    expect((await survey()).models).toMatchObject([{ name: 'mine:latest' }]);
  });

  test('show', async () => {
    await start(['talker']);
    const { status, text } = await operate('show', { model: 'talker' });
    expect(status).toBe(200);
    const shown = JSON.parse(text);
    expect(shown).toMatchObject({
      template: expect.stringContaining('messages'),
      parameters: '',
      details: { family: 'llama', format: 'gguf' },
      model_info: { 'general.architecture': 'llama', 'llama.context_length': 8_192, 'tokenizer.ggml.tokens': null },
      capabilities: ['completion', 'tools', 'thinking'],
    });
    expect(shown).not.toHaveProperty('tensors');
    const verbose = JSON.parse((await operate('show', { name: 'talker', verbose: true })).text);
    expect(verbose.model_info['tokenizer.ggml.tokens'].length).toBeGreaterThan(259);
    expect(verbose.tensors[0]).toMatchObject({ name: expect.any(String), type: 'F32', shape: expect.any(Array) });
    expect((await operate('show', { model: 'absent' })).failure).toMatchObject({
      cause: 'request',
      code: 'model-not-found',
      engineStatus: 404,
      message: "model 'absent' not found",
    });
    expect((await operate('show', {})).failure).toMatchObject({ engineStatus: 400, message: 'model is required' });
  });

  test('copy and delete', async () => {
    await start(['talker']);
    expect(await operate('copy', { source: 'talker', destination: 'twin' })).toEqual({
      status: 200,
      text: '',
      failure: undefined,
    });
    await say(engine, 'words').end;
    const twin = await report('twin:latest');
    // They share a file, and so what is loaded; it is listed once, by the name it was loaded by.
    expect(twin).toMatchObject({ state: 'hot' });
    expect(twin.psJson).toBeUndefined();
    expect((await operate('delete', { model: 'talker' })).status).toBe(200);
    expect(await report('twin:latest')).toMatchObject({ state: 'hot' });
    expect((await operate('delete', { name: 'twin' })).status).toBe(200);
    const { models } = await survey();
    expect(models).toMatchObject([{ name: 'hello:latest', scripted: true }]);
    expect((await operate('delete', { model: 'twin' })).failure).toMatchObject({ engineStatus: 404 });
    expect((await operate('copy', { source: 'absent', destination: 'x' })).failure).toMatchObject({
      engineStatus: 404,
    });
  });

  test('pull, with and without a stream', async () => {
    await start([]);
    await using source = await ModelFolder.make(['talker']);
    const file = path.join(source.path, 'talker.gguf');
    const { status, text } = await operate('pull', { model: file });
    expect(status).toBe(200);
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toEqual({ status: 'success' });
    expect(lines.length).toBeGreaterThan(1);
    expect((await survey()).models).toMatchObject([
      { name: 'talker:latest', digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    expect(await operate('pull', { model: file, stream: false })).toMatchObject({ text: '{"status":"success"}' });
    const failed = await operate('pull', { model: '/no/such/file.gguf' });
    expect(failed.text).toMatch(/\{"error":"[^"]*file\.gguf[^"]*"\}\n$/);
    expect((await operate('pull', { model: '/no/such/file.gguf', stream: false })).failure).toBeDefined();
  });

  test.each([
    ['create', 'create models'],
    ['push', 'push models'],
    ['blob-put', 'take the files of models'],
  ] as const)('%s is refused in words', async (name, words) => {
    await start([]);
    expect((await operate(name, {})).failure).toMatchObject({
      cause: 'request',
      code: 'unsupported',
      message: expect.stringContaining(`cannot ${words}`),
    });
  });

  test('a file that cannot be read is not offered', async () => {
    await start(['talker']);
    await writeFile(path.join(folder.path, 'broken.gguf'), 'GGUF and nothing more');
    await report('talker:latest');
    expect((await survey()).models).toMatchObject([{ name: 'talker:latest' }]);
  });
});

async function* nothing(): AsyncGenerator<Uint8Array> {}
