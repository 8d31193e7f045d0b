import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../src/cluster/free-port.ts';
import { until } from '../src/cluster/process-cluster.ts';
import { WaggleProcess } from '../src/cluster/waggle-process.ts';
import { startOllamaEngine } from '../src/engines/ollama/start-ollama-engine.ts';

let folder: string;
let agents: WaggleProcess[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'waggle-agents-'));
  agents = [];
});

afterEach(async () => {
  for (const agent of agents) await agent.kill();
  await rm(folder, { recursive: true, force: true });
});

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): WaggleProcess {
  const agent = new WaggleProcess({
    main: 'node-agent/src/main.ts',
    args,
    env: { XDG_DATA_HOME: folder, LLAMA_BASE_URL: 'http://127.0.0.1:1', ...env },
  });
  agents.push(agent);
  agent.start();
  return agent;
}

async function health(port: number): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}/health`);
  return (await response.json()) as Record<string, unknown>;
}

test.each([
  [['--help'], 0, /--orchestrator HOST:PORT/],
  [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
  [['--colour'], 1, /^[^\n]*--colour[^\n]*\n$/],
  [['--port', 'x'], 1, /^--port must be a whole number[^\n]*\n$/],
])('%j ends with %d in words', async (args, code, words) => {
  const agent = start(args);
  expect(await agent.exited()).toBe(code);
  expect(agent.output).toMatch(words);
});

test('a busy port is one sentence', async () => {
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = String(typeof address === 'object' ? address?.port : 0);
  const agent = start(['--port', port, '--log-level', 'error']);
  expect(await agent.exited()).toBe(1);
  expect(agent.output).toBe(`Port ${port} is in use; name another with --port PORT.\n`);
  taken.close();
});

test('two agents of one machine have folders and names of their own, and leave when they are told to', async () => {
  const ports = [await freePort(), await freePort()] as const;
  const first = start(['--port', String(ports[0])]);
  await until(async () => (await health(ports[0]))['status'] === 'ok');
  const second = start(['--port', String(ports[1])]);
  await until(async () => (await health(ports[1]))['status'] === 'ok');
  const [one, two] = [await health(ports[0]), await health(ports[1])];
  expect(two['name']).toBe(`${String(one['name'])}-2`);
  expect(two['nodeId']).not.toBe(one['nodeId']);
  for (const agent of [first, second]) agent.signal('SIGTERM');
  expect(await Promise.all([first.exited(), second.exited()])).toEqual([0, 0]);
  const again = start(['--port', String(ports[0])]);
  await until(async () => (await health(ports[0]))['status'] === 'ok');
  expect((await health(ports[0]))['nodeId']).toBe(one['nodeId']);
  expect(again.isRunning).toBe(true);
});

test('is down with an engine that is not there, and serves it when it comes', async () => {
  const port = await freePort();
  const enginePort = await freePort();
  start(['--port', String(port)], { LLAMA_BASE_URL: `http://127.0.0.1:${enginePort}/api` });
  await until(async () => JSON.stringify(await health(port)).includes('connection refused'));
  await using engine = await startOllamaEngine({ models: [{ name: 'm' }], port: enginePort });
  await until(async () => JSON.stringify(await health(port)).includes('"health":"up"'));
  const { engines } = await health(port);
  expect(engines).toMatchObject([{ engineId: `ollama-${engine.port}`, kind: 'ollama', models: 1, health: 'up' }]);
});

test('never wraps Waggle itself', async () => {
  const port = await freePort();
  const other = start(['--port', String(port)]);
  await until(async () => (await health(port))['status'] === 'ok');
  const second = await freePort();
  start(['--port', String(second)], { LLAMA_BASE_URL: `http://127.0.0.1:${port}` });
  await until(async () => JSON.stringify(await health(second)).includes('Waggle itself'));
  expect(other.isRunning).toBe(true);
});
