import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeScriptedGguf } from '@waggle/node-agent/engines/llama/hello/scripted-gguf.ts';
import { hasLibrary } from '@waggle/node-agent/engines/llama/testing/with-library.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../src/cluster/free-port.ts';
import { until } from '../src/cluster/process-cluster.ts';
import { WaggleProcess } from '../src/cluster/waggle-process.ts';
import { postChat } from './post-chat.ts';
import { runCli } from './run-cli.ts';

/** Where engines other than Ollama are looked for: a machine that has one there is not bare. */
const usualPorts = [8000, 8080, 1234];
const isBare = (await Promise.all(usualPorts.map(isTaken))).every((taken) => !taken);

// Nothing can answer there where llama.cpp has no binary for the system.
describe.skipIf(!hasLibrary || !isBare)('a machine with nothing on it', { timeout: 60_000 }, () => {
  const said = 'One two three.';
  let folder: string;
  let url: string;
  let waggle: WaggleProcess;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'waggle-bare-'));
    const [port, grpcPort] = [await freePort(), await freePort()];
    const config = path.join(folder, 'config.yaml');
    await writeFile(config, 'models: { fast: [hello, bees], slow: hello }\n');
    url = `http://127.0.0.1:${port}`;
    waggle = new WaggleProcess({
      main: 'orchestrator/src/main.ts',
      args: [
        ...['--config', config, '--data', path.join(folder, 'data')],
        ...['--port', String(port), '--grpc-port', String(grpcPort)],
      ],
      // No Ollama, and nothing to fetch models from.
      env: { OLLAMA_HOST: '127.0.0.1:9', HF_ENDPOINT: 'http://127.0.0.1:9' },
    });
    waggle.start();
    await until(async () => (await listModels()).length > 0);
  });
  afterAll(async () => {
    await waggle?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function listModels(): Promise<readonly object[]> {
    return ((await (await fetch(`${url}/api/tags`)).json()) as { models: object[] }).models;
  }

  it('offers a script that says so, in both APIs', async () => {
    expect(await listModels()).toEqual([expect.objectContaining({ name: 'hello:latest', scripted: true })]);
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({
      data: [{ id: 'hello:latest', owned_by: 'scripted' }],
    });
    await until(async () => waggle.output.includes('hello:latest (scripted'));
    const chat = await postChat(url, { model: 'hello' });
    expect([chat.status, chat.json()]).toEqual([
      200,
      expect.objectContaining({ message: { role: 'assistant', content: expect.stringContaining('Waggle works') } }),
    ]);
    const completion = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'hello', messages: [{ role: 'user', content: 'Hello?' }] }),
    });
    expect(await completion.json()).toMatchObject({
      choices: [{ message: { content: expect.stringContaining('waggle -- pull') }, finish_reason: 'stop' }],
    });
  });

  it('no alias leads to it, and none of its answers is kept', async () => {
    for (const model of ['fast', 'slow']) expect((await postChat(url, { model })).status).toBe(404);
    for (let turn = 0; turn < 2; turn++) {
      const { status, headers } = await postChat(url, { model: 'hello', options: { temperature: 0 } });
      expect([status, headers['x-waggle-cache']]).not.toEqual([200, 'hit']);
    }
  });

  it('goes with the first model that is pulled', async () => {
    const file = path.join(folder, 'bees.gguf');
    await writeScriptedGguf(file, {
      name: 'bees',
      scripts: { '<|answer|>': said },
      template: '{% for message in messages %}{{ message.content }}{% endfor %}<|answer|>',
    });
    const pulled = await runCli(url, ['pull', file]);
    expect([pulled.code, pulled.stderr]).toEqual([0, '']);
    for (const model of ['bees', 'fast']) {
      const chat = await postChat(url, { model });
      expect([chat.status, chat.json()]).toEqual([
        200,
        expect.objectContaining({ message: { role: 'assistant', content: said } }),
      ]);
    }
    // The alias that has a model by now is listed, too.
    expect(await listModels()).toMatchObject([{ name: 'bees:latest' }, { name: 'fast' }]);
    expect((await postChat(url, { model: 'hello' })).status).toBe(404);
    expect((await postChat(url, { model: 'slow' })).status).toBe(404);
  });
});

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
