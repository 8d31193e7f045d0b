import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { ollamaEnv, RealOllama } from './engines/real-ollama.ts';
import { ScriptedRegistry } from './engines/scripted-registry.ts';
import { runOllama, type Said } from './ollama-cli.ts';
import { quietOllama } from './quiet-ollama.ts';
import { findRealEngines } from './real-engines.ts';

const { ollama: bare, secondOllama, ollamaCli, toolsFolder } = findRealEngines();
const missing = [bare, secondOllama, ollamaCli, toolsFolder].includes(undefined);

const modelfiles = {
  made: [
    'FROM voice',
    'SYSTEM Be brief.',
    'PARAMETER temperature 0',
    'PARAMETER stop one',
    'PARAMETER stop two',
    'TEMPLATE """{{ .Prompt }}<|say|>"""',
    'LICENSE """None',
    'at all"""',
    'MESSAGE user Hi',
    'MESSAGE assistant Hello',
  ],
  imported: [
    'FROM ./imported.gguf',
    'PARAMETER num_thread 1',
    'PARAMETER num_predict 4',
    'PARAMETER temperature 0',
    'PARAMETER seed 1',
  ],
  adapted: ['FROM voice', 'ADAPTER ./imported.gguf'],
  orphan: ['FROM absent'],
  broken: ['FROM voice', 'TEMPLATE """{{"""'],
};

/** The same commands, in this order, to a bare Ollama and to Waggle in front of two: what they say and do is to be the same. */
describe.skipIf(missing)("Ollama's own command line makes models", () => {
  let cluster: ProcessCluster;
  let attic: RealOllama;
  let registry: ScriptedRegistry;
  let home: string;

  beforeAll(async () => {
    attic = await RealOllama.start(String(toolsFolder));
    registry = await ScriptedRegistry.start();
    home = await mkdtemp(path.join(tmpdir(), 'waggle-cli-'));
    for (const [name, lines] of Object.entries(modelfiles)) await writeFile(path.join(home, name), lines.join('\n'));
    const writer = path.join(String(toolsFolder), 'tiny-gguf.mjs');
    await promisify(execFile)(process.execPath, [writer, path.join(home, 'imported.gguf'), '--name', 'imported']);
    for (const url of [bare, secondOllama]) await quietOllama(String(url));
    cluster = await ProcessCluster.start({
      agents: [
        { name: 'desk', engineUrl: String(secondOllama), env: ollamaEnv },
        { name: 'attic', engineUrl: attic.url, env: ollamaEnv },
      ],
    });
  }, 180_000);
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await attic?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  });

  const run = (url: string, args: readonly string[]) => runOllama(String(ollamaCli), { url, home }, args);

  /** Runs a command on both and says what the bare one said, once the other said the same. */
  async function same(...args: readonly string[]): Promise<Said> {
    const model = args.map((arg) => arg.replace('REGISTRY', registry.host));
    const first = await run(String(bare), model);
    const second = await run(cluster.url, model);
    expect(comparable(second)).toEqual(comparable(first));
    return first;
  }

  async function nodesOf(model: string): Promise<readonly string[]> {
    const { models } = await cluster.get<{ models: { name: string; nodes: string[] }[] }>('/api/tags');
    return models.find(({ name }) => name === `${model}:latest`)?.nodes ?? [];
  }

  it('create from a model, where it is', async () => {
    expect((await same('create', 'made', '-f', 'made')).code).toBe(0);
    expect(await nodesOf('made')).toEqual(['attic', 'desk']);
  });

  it('create from a file, on one node', async () => {
    expect((await same('create', 'imported', '-f', 'imported')).code).toBe(0);
    expect(await nodesOf('imported')).toHaveLength(1);
    // The file is there by now, and stays with its node.
    expect((await same('create', 'imported2', '-f', 'imported')).code).toBe(0);
    expect(await nodesOf('imported2')).toEqual(await nodesOf('imported'));
  });

  it.each([['adapted'], ['orphan'], ['broken']])('create that fails: %s', async (file) => {
    expect((await same('create', 'failing', '-f', file)).code).toBe(1);
    expect(await nodesOf('failing')).toEqual([]);
  });

  it('cp', async () => {
    expect((await same('cp', 'made', 'spare')).code).toBe(0);
    expect(await nodesOf('spare')).toEqual(['attic', 'desk']);
    expect((await same('cp', 'absent', 'spare')).code).toBe(1);
    expect((await same('cp', 'made', 'a b')).code).toBe(1);
  });

  it('list', async () => {
    const { out } = await same('list');
    for (const model of ['made', 'imported', 'imported2', 'spare']) expect(out).toContain(`${model}:latest`);
  });

  it.each([
    [[]],
    [['--modelfile']],
    [['--parameters']],
    [['--template']],
    [['--system']],
    [['--license']],
    [['--verbose']],
  ])('show %j', async (flags) => {
    for (const model of ['made', 'imported']) await same('show', model, ...flags);
    expect((await same('show', 'absent', ...flags)).code).toBe(1);
  });

  it('run, ps, stop', async () => {
    expect((await same('run', '--nowordwrap', 'made', 'Hello')).code).toBe(0);
    expect((await same('run', '--nowordwrap', 'imported', 'Hello')).code).toBe(0);
    await same('ps');
    for (const model of ['made', 'imported', 'absent']) await same('stop', model);
    await until(async () => (await run(cluster.url, ['ps'])).out.split('\n').length === 2);
    await until(async () => (await run(String(bare), ['ps'])).out.split('\n').length === 2);
    await same('ps');
    expect((await same('run', 'absent', 'Hello')).code).toBe(1);
  });

  it('push and pull', async () => {
    // It asks for the account at Ollama's own registry first, and Waggle has none: see the list of differences.
    expect(await run(cluster.url, ['push', 'made'])).toMatchObject({ out: expect.stringContaining('be signed in') });
    const absent = await run(cluster.url, ['push', '--insecure', `${registry.host}/x/absent`]);
    expect(absent.code).toBe(1);
    expect(absent.err).toContain(`Error: 404 Not Found: model '${registry.host}/x/absent' not found\n`);
    await same('cp', 'made', 'REGISTRY/x/made');
    for (const url of [String(bare), cluster.url]) {
      registry.clear();
      expect((await run(url, ['push', '--insecure', `${registry.host}/x/made`])).code).toBe(0);
      expect(registry.models).toEqual(['x/made/latest']);
    }
    expect((await same('push', '--insecure', 'REGISTRY/x/made')).code).toBe(0);
    await same('rm', 'REGISTRY/x/made');
    expect(await nodesOf(`${registry.host}/x/made`)).toEqual([]);
    expect((await same('pull', '--insecure', 'REGISTRY/x/made')).code).toBe(0);
    expect(await nodesOf(`${registry.host}/x/made`)).toHaveLength(1);
    expect((await same('pull', '--insecure', 'REGISTRY/x/absent')).code).toBe(1);
  });

  it('rm', async () => {
    expect((await same('rm', 'made', 'imported', 'imported2', 'spare', 'REGISTRY/x/made')).code).toBe(0);
    expect((await same('rm', 'made')).code).toBe(1);
    await same('list');
    for (const model of ['made', 'imported', 'spare']) expect(await nodesOf(model)).toEqual([]);
  });
});

/**
 * What a bare Ollama and Waggle have in common. Progress is drawn over itself: each line counts once, and what a second node says of the same
 * work. Times, the folder of the files, the order of parameters and of equally new models differ from run to run.
 */
function comparable({ code, out, err }: Said): unknown {
  const lines = (text: string) =>
    text
      .replace(/(?:Less than a second|About an? \w+|\d+ \w+) (ago|from now)/g, '<time> $1')
      .replace(/\/\S*\/(blobs|manifests)\//g, '<folder>/$1/')
      .split('\n')
      .map((line) => line.trimEnd().replace(/\s{2,}/g, '  '))
      .filter((line) => line !== '');
  const isProgress = (line: string) =>
    /^(?:created|pulled|copying file|pulling|pushing|using existing layer|creating new layer|parsing|writing|gathering)/.test(
      line,
    );
  const said = new Set(lines(err).filter((line) => !isProgress(line)));
  return { code, out: lines(out).toSorted(), err: [...said].toSorted() };
}
