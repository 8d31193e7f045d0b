import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { NodeReport } from '@waggle/shared/cluster/node.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNode, type LocalNode, type NodeOptions } from './create-node.ts';
import { AskedJob } from './engines/llama/testing/built-in-engine.ts';
import { describeWithLibrary } from './engines/llama/testing/with-library.ts';
import { toHeader } from './testing/recorded-job.ts';

describeWithLibrary('a node where no engine is installed', { timeout: 60_000 }, () => {
  let folder: string;
  let ollama: Server;
  let models: readonly string[];
  const nodes: LocalNode[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'waggle-node-'));
    models = [];
    // As much of an Ollama as a node asks for.
    ollama = createServer((request, response) => {
      const answers: Readonly<Record<string, object>> = {
        '/api/version': { version: '0.34.2' },
        '/api/tags': {
          models: models.map((name) => ({ name, model: name, size: 1, digest: 'd'.repeat(64), details: {} })),
        },
        '/api/ps': { models: [] },
      };
      response.end(JSON.stringify(answers[request.url ?? ''] ?? {}));
    }).listen(0, '127.0.0.1');
    await once(ollama, 'listening');
  });

  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.close();
    ollama.closeAllConnections();
    ollama.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(more: Partial<NodeOptions> = {}): Promise<LocalNode> {
    const node = await createNode({
      name: 'desk',
      dataDir: folder,
      engines: { kind: 'discover', candidates: [] },
      builtin: { hub: { endpoint: 'http://127.0.0.1:1' } },
      logger: silentLogger,
      clock: systemClock,
      ...more,
    });
    nodes.push(node);
    return node;
  }

  /** The first report of which this is true. */
  function whenReported(node: LocalNode, isSo: (report: NodeReport) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (report: NodeReport) => {
        if (!isSo(report)) return;
        stop();
        resolve();
      };
      const stop = node.reports.subscribe(look);
      look(node.reports.current());
    });
  }

  test('answers all the same', async () => {
    const node = await start();
    const [engine] = node.reports.current().engines;
    expect(engine).toMatchObject({ engineId: 'builtin', kind: 'builtin', dialect: 'ollama', health: 'up' });
    expect(engine?.models).toMatchObject([{ name: 'hello:latest', scripted: true }]);
    expect(node.slots.total('builtin')).toBeGreaterThan(0);
    const job = new AskedJob();
    const body = { model: 'hello', messages: [{ role: 'user', content: 'hi' }] };
    node.run(toHeader({ engineId: 'builtin', model: 'hello:latest' }), Buffer.from(JSON.stringify(body)), job);
    expect((await job.answer()).text).toContain('Waggle works.');
    await whenReported(node, ({ engines }) => engines[0]?.models[0]?.capabilities !== undefined);
  });

  test('has nothing of the kind where that is switched off', async () => {
    const node = await start({ builtin: undefined });
    expect(node.reports.current().engines).toEqual([]);
  });

  test('the stand-in is gone where an engine has a model', async () => {
    const { port } = ollama.address() as AddressInfo;
    models = ['llama3.2:latest'];
    const candidates = [{ dialect: 'ollama', url: `http://127.0.0.1:${port}` }] as const;
    const node = await start({ engines: { kind: 'discover', candidates } });
    await whenReported(node, ({ engines }) => {
      const names = engines.flatMap((engine) => engine.models.map(({ name }) => name));
      return engines.length === 2 && names.join() === 'llama3.2:latest';
    });
  });
});
