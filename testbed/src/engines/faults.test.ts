import { describe, expect, test } from 'vitest';
import type { Fault } from './faults.ts';
import { startOllamaEngine } from './ollama/start-ollama-engine.ts';
import { startOpenAiEngine } from './openai/start-openai-engine.ts';
import { askRaw } from './recordings.ts';
import type { ScriptedEngine } from './scripted-engine.ts';

const models = [{ name: 'm' }, { name: 'other' }];
const prompts = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };

const dialects = [
  {
    dialect: 'ollama',
    path: '/api/chat',
    health: '/api/tags',
    done: '"done":true',
    start: () => startOllamaEngine({ models }),
  },
  {
    dialect: 'openai',
    path: '/v1/chat/completions',
    health: '/health',
    done: 'data: [DONE]',
    start: () => startOpenAiEngine({ models }),
  },
] as const;

describe.each(dialects)('$dialect', ({ path, health, done, start }) => {
  const ask = (engine: ScriptedEngine, stream: boolean, model = 'm') =>
    askRaw(engine.url, 'POST', path, JSON.stringify({ ...prompts, model, stream }));
  const words = (body: string) => body.match(/"content":" ?w\d+"/g)?.length ?? 0;

  test('an error status, for so many requests of one model', async () => {
    await using engine = await start();
    engine.control.inject({ kind: 'status', status: 429, retryAfter: 7 }, { model: 'm', times: 2 });
    expect((await ask(engine, true, 'other')).status).toBe(200);
    const refused = await ask(engine, true);
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
    expect(JSON.parse(refused.body)).toHaveProperty('error');
    expect((await ask(engine, false)).status).toBe(429);
    expect((await ask(engine, true)).status).toBe(200);
    expect(engine.requests.counters).toMatchObject({ done: 2, fault: 2 });
  });

  test.each([
    { kind: 'error-event', afterDeltas: 2 },
    { kind: 'malformed', atDelta: 3 },
  ] as const satisfies readonly Fault[])('$kind waits until what came before was seen', async (fault) => {
    await using engine = await start();
    const seen = Promise.withResolvers<void>();
    const held = (body: string) => (body.includes('hi') ? seen.promise : Promise.resolve());
    engine.control.inject({ ...fault, held }, { text: 'hi' });
    const other = { ...prompts, messages: [{ role: 'user', content: 'hello' }], stream: true };
    expect(words((await askRaw(engine.url, 'POST', path, JSON.stringify(other))).body)).toBe(16);
    const response = await fetch(`${engine.url}${path}`, {
      method: 'POST',
      body: JSON.stringify({ ...prompts, stream: true }),
    });
    let text = '';
    let before = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (before !== '' || words(text) < 2) continue;
      before = text;
      seen.resolve();
    }
    expect(words(before)).toBe(2);
    expect(before).not.toContain('error');
    expect(words(text)).toBe(fault.kind === 'malformed' ? 15 : 2);
    expect(engine.requests.all.at(-1)?.outcome).toBe('fault');
  });

  test('a fault can be taken back', async () => {
    await using engine = await start();
    const takeBack = engine.control.inject({ kind: 'status', status: 500, body: 'as it is' });
    expect(await ask(engine, true)).toMatchObject({ status: 500, body: 'as it is' });
    takeBack();
    expect((await ask(engine, true)).status).toBe(200);
  });

  test('hangs while health still answers', async () => {
    await using engine = await start();
    engine.control.inject({ kind: 'hang' });
    const controller = new AbortController();
    const { signal } = controller;
    const hanging = fetch(`${engine.url}${path}`, { method: 'POST', body: JSON.stringify(prompts), signal });
    const record = await engine.requests.nextRequest();
    expect((await askRaw(engine.url, 'GET', health)).status).toBe(200);
    expect(record.firstByteAt).toBeUndefined();
    controller.abort();
    await expect(hanging).rejects.toThrow(/abort/i);
    await engine.waitFor(({ outcome }) => outcome === 'client-gone');
  });

  test('late headers', async () => {
    await using engine = await start();
    engine.control.inject({ kind: 'slow-headers', delayMs: 30 });
    expect((await ask(engine, true)).body).toContain(done);
    const [record] = engine.requests.all;
    // Timers may be a millisecond early.
    expect((record?.firstByteAt ?? 0) - (record?.startedAt ?? 0)).toBeGreaterThan(28);
  });

  test.each([
    { fault: { kind: 'silent-end', afterDeltas: 3 }, count: 3, ends: false },
    { fault: { kind: 'malformed', atDelta: 3 }, count: 15, ends: true },
    { fault: { kind: 'error-event', afterDeltas: 3, message: 'runner died' }, count: 3, ends: undefined },
  ] as const)('$fault.kind in a stream', async ({ fault, count, ends }) => {
    await using engine = await start();
    engine.control.inject(fault);
    const answer = await ask(engine, true);
    expect(answer.status).toBe(200);
    expect(words(answer.body)).toBe(count);
    if (ends !== undefined) expect(answer.body.includes(done)).toBe(ends);
    expect(answer.body.includes('runner died')).toBe(fault.kind === 'error-event');
    const lines = answer.body.split('\n').filter((line) => line !== '' && line !== 'data: [DONE]');
    expect(lines.filter((line) => !isJson(line.replace(/^data: /, ''))).length).toBe(
      fault.kind === 'malformed' ? 1 : 0,
    );
    expect(engine.requests.counters).toMatchObject({ fault: 1, done: 0 });
    expect(engine.core.running('m')).toBe(0);
  });

  test.each([false, true])('cuts a stream after so many deltas, reset: %s', async (reset) => {
    await using engine = await start();
    engine.control.inject({ kind: 'cut', afterDeltas: 2, reset });
    const response = await fetch(`${engine.url}${path}`, {
      method: 'POST',
      body: JSON.stringify({ ...prompts, stream: true }),
    });
    let text = '';
    await expect(async () => {
      for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk);
    }).rejects.toThrow();
    expect(words(text)).toBe(2);
    expect(engine.requests.all[0]).toMatchObject({ outcome: 'fault', tokensSent: 2 });
    expect(engine.core.running('m')).toBe(0);
  });

  test('stalls in mid-stream and holds its slot until the client leaves', async () => {
    await using engine = await start();
    engine.control.inject({ kind: 'stall', afterDeltas: 2 });
    const controller = new AbortController();
    const { signal } = controller;
    const body = JSON.stringify({ ...prompts, stream: true });
    const response = await fetch(`${engine.url}${path}`, { method: 'POST', body, signal });
    let text = '';
    await expect(async () => {
      for await (const chunk of response.body ?? []) {
        text += new TextDecoder().decode(chunk);
        if (words(text) === 2) {
          expect(engine.core.running('m')).toBe(1);
          controller.abort();
        }
      }
    }).rejects.toThrow(/abort/i);
    await engine.waitFor(({ outcome }) => outcome === 'client-gone');
    expect(engine.core.running('m')).toBe(0);
  });

  test.each([
    { fault: { kind: 'malformed', atDelta: 1 }, json: false },
    { fault: { kind: 'silent-end', afterDeltas: 1 }, json: false },
    { fault: { kind: 'error-event', afterDeltas: 1 }, json: true },
  ] as const)('$fault.kind in a whole answer', async ({ fault, json }) => {
    await using engine = await start();
    engine.control.inject(fault satisfies Fault);
    const answer = await ask(engine, false);
    expect(answer.status).toBe(json ? 500 : 200);
    expect(isJson(answer.body)).toBe(json);
    expect(engine.requests.counters.fault).toBe(1);
  });

  test('cuts a whole answer', async () => {
    await using engine = await start();
    engine.control.inject({ kind: 'cut', afterDeltas: 1 });
    await expect(
      fetch(`${engine.url}${path}`, { method: 'POST', body: JSON.stringify({ ...prompts, stream: false }) }).then(
        (response) => response.text(),
      ),
    ).rejects.toThrow();
  });

  test('refuses connections, breaks those there are, and comes back on the same port', async () => {
    await using engine = await start();
    engine.control.inject({ kind: 'stall', afterDeltas: 1 }, { times: 1 });
    const broken = ask(engine, true);
    await engine.waitFor(({ tokensSent }) => tokensSent === 1);
    await engine.control.refuse();
    await expect(broken).rejects.toThrow();
    await engine.waitFor(({ outcome }) => outcome === 'fault');
    await expect(askRaw(engine.url, 'GET', health)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await engine.control.heal();
    expect((await askRaw(engine.url, 'GET', health)).status).toBe(200);
    expect((await ask(engine, true)).body).toContain(done);
  });

  test('refusing politely lets running requests finish', async () => {
    await using engine = await start();
    engine.control.inject({ kind: 'slow-headers', delayMs: 20 }, { times: 1 });
    const running = ask(engine, true);
    await engine.requests.nextRequest();
    await engine.control.refuse('finish');
    await expect(askRaw(engine.url, 'GET', health)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await running).body).toContain(done);
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
