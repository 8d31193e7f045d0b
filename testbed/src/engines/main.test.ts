import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { EngineState } from './engine-control.ts';
import { askRaw } from './recordings.ts';
import type { RequestRecord } from './request-record.ts';

interface Ready {
  readonly url: string;
  readonly controlUrl: string;
  readonly pid: number;
}

interface EngineProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly ready: Ready;
  readonly command: (command: object) => Promise<EngineState>;
}

async function startProcess(...args: readonly string[]): Promise<EngineProcess> {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const ready = JSON.parse(line) as Ready;
  return {
    child,
    ready,
    command: async (command) =>
      JSON.parse((await askRaw(ready.controlUrl, 'POST', '/ctl', JSON.stringify(command))).body) as EngineState,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

const config = JSON.stringify({ models: [{ name: 'm', answer: { kind: 'echo' } }], slots: 2 });
const chat = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }], stream: false });

test.each([
  { dialect: 'ollama', path: '/api/chat' },
  { dialect: 'vllm', path: '/v1/chat/completions' },
])('a $dialect in a process of its own is switched over its control port', async ({ dialect, path }) => {
  await using engine = await startProcess('--dialect', dialect, '--config', config);
  const { ready, command } = engine;
  const ask = () => askRaw(ready.url, 'POST', path, chat);
  expect((await ask()).body).toContain('"content":"hello"');
  await command({ do: 'inject', fault: { kind: 'status', status: 500 }, scope: { times: 1 } });
  expect((await ask()).status).toBe(500);
  expect((await ask()).status).toBe(200);
  expect(await command({ do: 'refuse' })).toMatchObject({ listening: false });
  await expect(ask()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(await command({ do: 'heal' })).toMatchObject({ listening: true, counters: { done: 2, fault: 1 } });
  expect((await ask()).status).toBe(200);
  const records = JSON.parse((await askRaw(ready.controlUrl, 'GET', '/ctl/requests')).body) as RequestRecord[];
  expect(records.map((record) => record.outcome)).toEqual(['done', 'fault', 'done', 'done']);
  expect((await askRaw(ready.controlUrl, 'POST', '/ctl', '{"do":"dance"}')).status).toBe(400);
});

test('takes commands on its own port too, and ends with its parent', async () => {
  await using engine = await startProcess('--watch-stdin');
  const own = await askRaw(engine.ready.url, 'POST', '/ctl', '{"do":"refuse","forMs":1}');
  expect(JSON.parse(own.body)).toMatchObject({ listening: true });
  const exited = once(engine.child, 'exit');
  engine.child.stdin?.end();
  expect(await exited).toEqual([0, null]);
});

test('ends in order on SIGTERM', async () => {
  await using engine = await startProcess();
  const exited = once(engine.child, 'exit');
  engine.child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});
