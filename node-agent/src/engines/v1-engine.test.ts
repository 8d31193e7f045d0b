import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type Clock, systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, expect, test } from 'vitest';
import { createEngine } from './create-engine.ts';
import type { Engine } from './engine.ts';

interface Answer {
  readonly status?: number;
  readonly type: string;
  readonly body: string;
}

const json = (value: unknown): Answer => ({ type: 'application/json; charset=utf-8', body: JSON.stringify(value) });
const text = (body: string, status = 200): Answer => ({ status, type: 'text/plain; charset=utf-8', body });

/** As an Ollama answers, the models under the name its clients know. */
const ollama: Readonly<Record<string, Answer>> = {
  '/': text('Ollama is running'),
  '/api/version': json({ version: '0.34.2' }),
  '/api/tags': json({ models: [{ name: 'tiny:latest', digest: 'abc', size: 1 }] }),
  '/api/ps': json({ models: [] }),
  '/api/show': json({ capabilities: ['completion'] }),
  '/v1/models': json({ object: 'list', data: [{ id: 'tiny:latest', object: 'model', owned_by: 'library' }] }),
};

const silence = 'never';

let server: Server | undefined;
let engine: Engine | undefined;

afterEach(async () => {
  await engine?.close();
  server?.close();
  server?.closeAllConnections();
});

/** Told of each path that is asked for. */
let asked = (_path: string): void => {};

async function serve(answers: Readonly<Record<string, Answer>>, port = 0): Promise<number> {
  const listener: RequestListener = (request, response) => {
    const path = request.url ?? '';
    asked(path);
    const { status = 200, type, body } = answers[path] ?? text('404 page not found', 404);
    if (body !== silence) response.writeHead(status, { 'content-type': type }).end(body);
  };
  server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

const logged: string[] = [];
const logger = { ...silentLogger, info: (event: string) => void logged.push(event) };

function name(port: number, clock: Clock = systemClock): Engine {
  logged.length = 0;
  const url = `http://127.0.0.1:${port}/v1`;
  engine = createEngine({ engineId: 'e1', dialect: 'openai', url, settings: {}, clock, logger });
  return engine;
}

const survey = (named: Engine) => named.probe.survey(AbortSignal.timeout(5_000));

test('an Ollama that was named by its /v1 is driven by its /api, and it is said once', async () => {
  const port = await serve(ollama);
  const named = name(port);
  expect(await survey(named)).toMatchObject({ kind: 'ollama', version: '0.34.2', models: [{ name: 'tiny:latest' }] });
  await survey(named);
  expect(named.identity).toEqual({ engineId: 'e1', dialect: 'ollama', url: `http://127.0.0.1:${port}` });
  expect(logged).toEqual(['ollama-behind-v1']);
});

test('one that starts later, too', async () => {
  const port = await serve(ollama);
  server?.close();
  const named = name(port);
  await expect(survey(named)).rejects.toMatchObject({ kind: 'refused' });
  await serve(ollama, port);
  expect((await survey(named)).kind).toBe('ollama');
});

const without = (path: string) => Object.fromEntries(Object.entries(ollama).filter(([key]) => key !== path));

test.each([
  ['has no greeting', without('/')],
  ['greets in JSON', { ...ollama, '/': json('Ollama is running') }],
  ['greets otherwise', { ...ollama, '/': text('Ollama is running behind us') }],
  ['tells no version', without('/api/version')],
  ['tells its health', { ...ollama, '/health': json({ status: 'ok' }) }],
  ['has other names', { ...ollama, '/api/tags': json({ models: [{ name: 'tiny' }, { name: 'tiny:latest' }] }) }],
])('a gateway that answers as Ollama but %s stays what it was named', async (_name, answers) => {
  const port = await serve(answers);
  const named = name(port);
  expect(await survey(named)).toMatchObject({ kind: 'openai-compatible', models: [{ name: 'tiny:latest' }] });
  expect(named.identity).toMatchObject({ dialect: 'openai', url: `http://127.0.0.1:${port}/v1` });
  expect(logged).toEqual([]);
});

test('a server that never answers what only an Ollama is asked is used all the same', async () => {
  const clock = new HandClock();
  const greeted = new Promise<void>((resolve) => {
    asked = (path) => path === '/' && resolve();
  });
  const surveyed = survey(name(await serve({ ...ollama, '/': text(silence) }), clock));
  await greeted;
  await clock.advance(1_000);
  expect((await surveyed).kind).toBe('openai-compatible');
});
