import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { ollamaEnv } from './engines/real-ollama.ts';
import { runOllama } from './ollama-cli.ts';
import { quietOllama } from './quiet-ollama.ts';
import { findRealEngines } from './real-engines.ts';
import { resultText, thoughtText, voiceText } from './spoken-texts.ts';
import { callWire } from './wire-call.ts';

const { secondOllama: engineUrl, ollamaCli } = findRealEngines();
const missing = engineUrl === undefined || ollamaCli === undefined;

describe.skipIf(missing)("Ollama's own command line", () => {
  let cluster: ProcessCluster;
  let home: string;

  beforeAll(async () => {
    const copy = { source: 'endless', destination: 'spare' };
    await callWire(String(engineUrl), { name: '', method: 'POST', path: '/api/copy', body: copy });
    await quietOllama(String(engineUrl));
    home = await mkdtemp(path.join(tmpdir(), 'waggle-cli-'));
    cluster = await ProcessCluster.start({ agents: [{ name: 'desk', engineUrl: String(engineUrl), env: ollamaEnv }] });
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  });

  const ollama = (...args: string[]) => runOllama(String(ollamaCli), { url: cluster.url, home }, args);

  async function resident(): Promise<string[]> {
    const { text } = await callWire(cluster.url, { name: '', method: 'GET', path: '/api/ps' });
    return (JSON.parse(text) as { models: { name: string }[] }).models.map(({ name }) => name);
  }

  it('--version', async () => {
    expect(await ollama('--version')).toMatchObject({ code: 0, out: 'ollama version is 0.34.2\n' });
  });

  it('list', async () => {
    const { code, out } = await ollama('list');
    expect(code).toBe(0);
    for (const model of ['voice:latest', 'thinker:latest', 'endless:latest', 'slow:latest', 'tiny-embed:latest']) {
      expect(out).toMatch(new RegExp(`^${model}\\s+[\\da-f]{12}\\s+\\d`, 'm'));
    }
  });

  it('show', async () => {
    const { code, out } = await ollama('show', 'voice');
    expect(code).toBe(0);
    expect(out).toMatch(/architecture\s+llama/);
    expect(out).toMatch(/Capabilities\s+completion/);
    expect(await ollama('show', 'absent')).toMatchObject({ code: 1, err: "Error: model 'absent:latest' not found\n" });
  });

  it('run', async () => {
    expect(await ollama('run', '--nowordwrap', 'voice', 'Hello there')).toMatchObject({
      code: 0,
      out: `${voiceText}\n\n`,
    });
    const thought = await ollama('run', 'thinker', 'Six times seven, minus two?', '--think', '--nowordwrap');
    expect(thought.code).toBe(0);
    expect(thought.out.replaceAll('\n', ' ')).toContain(thoughtText);
    expect(thought.out).toContain(resultText);
  });

  it('run with an embedding model', async () => {
    const { code, out } = await ollama('run', 'tiny-embed', 'Hello there');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toHaveLength(64);
  });

  it('ps', async () => {
    await ollama('run', '--nowordwrap', 'voice', 'Hello there');
    const { code, out } = await ollama('ps');
    expect(code).toBe(0);
    expect(out).toMatch(/^voice:latest\s+[\da-f]{12}\s+.*100% CPU\s+4096\s+.*minutes from now/m);
  });

  it('stop', async () => {
    await ollama('run', '--nowordwrap', 'voice', 'Hello there');
    expect(await ollama('stop', 'voice')).toMatchObject({ code: 0 });
    await until(async () => !(await resident()).includes('voice:latest'));
    expect(await ollama('stop', 'absent')).toMatchObject({ code: 1 });
  });

  it('pull of what is nowhere', async () => {
    const { code, err } = await ollama('pull', 'absent-model');
    expect(code).toBe(1);
    expect(err).toContain('pull model manifest');
  });

  it('rm', async () => {
    expect(await ollama('rm', 'spare')).toMatchObject({ code: 0, out: "deleted 'spare'\n" });
    expect((await ollama('list')).out).not.toContain('spare');
    expect(await ollama('rm', 'spare')).toMatchObject({ code: 1, err: "Error: model 'spare' not found\n" });
  });
});
