import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock, settled } from '@waggle/shared/testing/hand-clock.ts';
import { beforeEach, expect, test } from 'vitest';
import { defaultOllamaUrl } from './candidates.ts';
import type { EngineAddress } from './engine-address.ts';
import { EngineDiscovery } from './engine-discovery.ts';
import type { Answerer } from './identify.ts';

let clock: HandClock;
let answers: Map<string, Answerer | Promise<Answerer>>;
let found: string[];
let asked: string[];

beforeEach(() => {
  clock = new HandClock();
  answers = new Map();
  found = [];
  asked = [];
  surveyed = undefined;
  ownAddresses = () => new Set(['desk']);
});

let ownAddresses: () => ReadonlySet<string>;

/** What `found` waits for. */
let surveyed: Promise<void> | undefined;

function discover(...urls: string[]): EngineDiscovery {
  return new EngineDiscovery({
    candidates: urls.map((url): EngineAddress => ({ dialect: url.endsWith('/v1') ? 'openai' : 'ollama', url })),
    identify: async ({ url }) => {
      asked.push(url);
      return answers.get(url) ?? { kind: 'nobody' };
    },
    ownAddresses: () => ownAddresses(),
    found: async ({ url }) => {
      found.push(url);
      await surveyed;
    },
    clock,
    logger: silentLogger,
  });
}

test('finds an engine that starts later within five seconds, and adds it once', async () => {
  const url = 'http://127.0.0.1:8000/v1';
  await discover(url).start();
  expect(found).toEqual([]);
  answers.set(url, { kind: 'engine' });
  await clock.advance(5_000);
  expect(found).toEqual([url]);
  await clock.advance(60_000);
  expect(found).toEqual([url]);
});

test('looks again after a look that the system did not allow', async () => {
  const url = 'http://127.0.0.1:8000/v1';
  answers.set(url, { kind: 'engine' });
  ownAddresses = () => {
    throw new Error('too many open files');
  };
  await discover(url).start();
  expect(found).toEqual([]);
  ownAddresses = () => new Set();
  await clock.advance(5_000);
  expect(found).toEqual([url]);
});

test('a port that takes connections and never answers is not waited for, the models of an engine are', async () => {
  const [engine, silent] = ['http://127.0.0.1:11434', 'http://127.0.0.1:8080/v1'];
  const [late, survey] = [Promise.withResolvers<Answerer>(), Promise.withResolvers<void>()];
  answers.set(engine, { kind: 'engine' }).set(silent, late.promise);
  surveyed = survey.promise;
  let hasStarted = false;
  void discover(engine, silent)
    .start()
    .then(() => {
      hasStarted = true;
    });
  await clock.advance(1_000);
  expect([found, hasStarted]).toEqual([[engine], false]);
  survey.resolve();
  await settled();
  expect(hasStarted).toBe(true);
  late.resolve({ kind: 'engine' });
  await settled();
  expect(found).toEqual([engine, silent]);
});

test('two addresses of one engine are one', async () => {
  const urls = ['http://127.0.0.1:11434', 'http://desk:11434', 'http://localhost:11434'];
  for (const url of urls) answers.set(url, { kind: 'engine' });
  await discover(...urls).start();
  await clock.advance(20_000);
  expect(found).toHaveLength(1);
});

test('what is no engine is named and left alone, until an engine takes its place', async () => {
  const url = 'http://127.0.0.1:8080/v1';
  answers.set(url, { kind: 'other', what: 'a web page ("Open WebUI")' });
  const discovery = discover(url);
  await discovery.start();
  expect(discovery.findings).toEqual([{ url, what: 'a web page ("Open WebUI")' }]);
  expect(found).toEqual([]);
  answers.set(url, { kind: 'engine' });
  await clock.advance(5_000);
  expect(discovery.findings).toEqual([]);
  expect(found).toEqual([url]);
});

test('where OLLAMA_HOST names something else, Ollama is looked for where it is by default', async () => {
  answers.set('http://127.0.0.1:3001', { kind: 'other', what: 'Waggle itself' });
  answers.set(defaultOllamaUrl, { kind: 'engine' });
  await discover('http://127.0.0.1:3001').start();
  await clock.advance(5_000);
  expect(found).toEqual([defaultOllamaUrl]);
});

test('OLLAMA_HOST that nobody answers is waited for', async () => {
  answers.set(defaultOllamaUrl, { kind: 'engine' });
  await discover('http://192.168.1.9:11434').start();
  await clock.advance(20_000);
  expect(found).toEqual([]);
});

test('looks no more once it is stopped', async () => {
  const discovery = discover('http://127.0.0.1:8000/v1');
  await discovery.start();
  discovery.stop();
  asked.length = 0;
  await clock.advance(60_000);
  expect(asked).toEqual([]);
});
