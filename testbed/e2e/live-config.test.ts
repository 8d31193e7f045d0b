import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askOnce, ClientLoad, troubles } from '../src/cluster/client-load.ts';
import { freePort } from '../src/cluster/free-port.ts';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { WaggleProcess } from '../src/cluster/waggle-process.ts';
import { startOllamaEngine } from '../src/engines/ollama/start-ollama-engine.ts';
import type { ScriptedEngine } from '../src/engines/scripted-engine.ts';
import { askWords, streamWords } from './asked-words.ts';
import { postChat } from './post-chat.ts';

const words = { name: 'words', answer: { kind: 'words', count: 12 }, decodeMsPerToken: 2 } as const;
const long = { name: 'long', answer: { kind: 'words', count: 100 }, decodeMsPerToken: 40 } as const;
const other = { name: 'other', answer: { kind: 'words', count: 3 } } as const;
const spare = { ...other, name: 'spare' };
const endless = { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 20 } as const;

let desk: ScriptedEngine;
let big: ScriptedEngine;
let cluster: ProcessCluster;
let linesBefore = 0;

const toNode = (name: string, { url }: ScriptedEngine, more = '') =>
  `  - { name: ${name}, engine: ollama, url: "${url}", slots: 8${more} }\n`;
const onlyDesk = () => `nodes:\n${toNode('desk', desk)}`;
const bothNodes = () => `${onlyDesk()}${toNode('big', big)}`;

beforeAll(async () => {
  [desk, big] = await Promise.all([
    startOllamaEngine({ models: [words, long, other, spare, endless], slots: 8 }),
    startOllamaEngine({ models: [words, other, spare], slots: 8 }),
  ]);
  cluster = await ProcessCluster.start({ agents: [], nodes: 1, config: onlyDesk() });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  for (const engine of [desk, big]) await engine?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  linesBefore = lines().length;
});

function lines(): readonly Readonly<Record<string, unknown>>[] {
  const found = cluster.orchestrator.output.split('\n').filter((line) => line.startsWith('{'));
  return found.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** What was logged since the test began under this name. */
function said(event: string): readonly Readonly<Record<string, unknown>>[] {
  return lines()
    .slice(linesBefore)
    .filter((line) => line['event'] === event);
}

/** As careful programs and editors write a file. */
async function replace(text: string): Promise<void> {
  await writeFile(`${cluster.configFile}.new`, text);
  await rename(`${cluster.configFile}.new`, cluster.configFile);
}

async function taken(text: string, count = 1): Promise<void> {
  await replace(text);
  await until(async () => said('config-reloaded').length === count, 6_000);
}

const aliases = async () =>
  (await cluster.get<{ aliases: Record<string, readonly string[]> }>('/api/cluster/models')).aliases;

describe('a configuration that changes while requests run', () => {
  it('is taken up when its file is replaced: an alias, a node, a level of the log', async () => {
    const load = new ClientLoad(cluster.url, 4, askWords('words', 12));
    await load.more(20);
    await taken(`${bothNodes()}models: { fast: words }\nlogging: { level: debug }\n`);
    expect(said('config-reloaded')).toMatchObject([{ changed: ['logging.level', 'models.fast', 'nodes.big'] }]);
    expect(await aliases()).toEqual({ fast: ['words'] });
    await cluster.serving('big');
    expect((await postChat(cluster.url, { model: 'words@big' })).headers['x-waggle-node']).toBe('big');
    expect((await postChat(cluster.url, { model: 'fast' })).status).toBe(200);
    await load.more(20);
    expect(troubles(await load.stop())).toEqual([]);
  });

  it('changes nothing when it is wrong, says why once, and is taken up when it is mended in place', async () => {
    const load = new ClientLoad(cluster.url, 4, askWords('words', 12));
    await replace(`${onlyDesk()}models:\n  fast: long\nlimits:\n  stallMax: soon\n`);
    await until(async () => said('config-rejected').length > 0, 6_000);
    await load.more(20);
    const [rejected, again] = said('config-rejected');
    expect(rejected?.['problems']).toEqual([expect.stringMatching(/config.yaml:6: limits.stallMax must be a time/)]);
    expect([again, said('config-reloaded')]).toEqual([undefined, []]);
    expect(await aliases()).toEqual({ fast: ['words'] });
    expect((await cluster.node('big'))?.state).toBe('active');
    // Without a rename: emptied, then written.
    await writeFile(cluster.configFile, '');
    await writeFile(cluster.configFile, `${bothNodes()}models: { fast: long }\n`);
    await until(async () => said('config-reloaded').length === 1, 6_000);
    expect(await aliases()).toEqual({ fast: ['long'] });
    expect(troubles(await load.stop())).toEqual([]);
  });

  it('is read at once on SIGHUP', async () => {
    await replace(`${bothNodes()}models: { fast: words, slow: long }\n`);
    cluster.orchestrator.signal('SIGHUP');
    await until(async () => said('config-reloaded').length === 1);
    expect(said('config-reloaded')).toMatchObject([{ changed: ['models.fast', 'models.slow'] }]);
    expect(await aliases()).toEqual({ fast: ['words'], slow: ['long'] });
    cluster.orchestrator.signal('SIGHUP');
    await until(async () => said('config-reloaded').length === 2);
    expect(said('config-reloaded')[1]).toMatchObject({ changed: [] });
  });

  it('lets what runs on a node that goes, or changes, be finished there', async () => {
    const running = askOnce(cluster.url, streamWords('long', 100)(0));
    await desk.waitFor((record) => record.model.startsWith('long') && record.firstByteAt !== undefined);
    await taken(`nodes:\n${toNode('desk', desk, ', type: gpu')}${toNode('big', big)}`);
    await until(async () =>
      (await cluster.get<{ nodes: { labels: object }[] }>('/api/nodes')).nodes.some(({ labels }) => 'type' in labels),
    );
    expect((await postChat(cluster.url, { model: 'words@desk' })).headers['x-waggle-node']).toBe('desk');
    await taken(`nodes:\n${toNode('big', big)}`, 2);
    await until(async () => (await postChat(cluster.url, { model: 'words' })).headers['x-waggle-node'] === 'big');
    expect(await running).toMatchObject({ kind: 'complete', node: 'desk' });
    await until(async () => ((await cluster.node('desk'))?.state ?? 'left') === 'left');
    await taken(bothNodes(), 3);
    await cluster.serving('desk');
  });

  it('gives two engines each the name of the other, and other slots, under load', async () => {
    const load = new ClientLoad(cluster.url, 4, askWords('words', 12));
    await load.more(10);
    const swapped = `${toNode('big', desk)}${toNode('desk', big)}`.replace('slots: 8', 'slots: 3');
    await taken(`nodes:\n${swapped}`);
    const engines = async () => {
      const active = (await cluster.nodes()).filter(({ state }) => state === 'active');
      return active.map(({ name, engines: [engine] }) => `${name} ${engine?.url} ${engine?.slots}`).toSorted();
    };
    await until(async () => (await engines()).join() === `big ${desk.url} 3,desk ${big.url} 8`);
    expect((await postChat(cluster.url, { model: 'long@big' })).status).toBe(200);
    await load.more(20);
    await taken(bothNodes(), 2);
    await load.more(20);
    expect(troubles(await load.stop())).toEqual([]);
  });

  it('moves limits', async () => {
    const body = { model: 'words', messages: [{ role: 'user', content: 'x'.repeat(2_000) }] };
    expect((await postChat(cluster.url, body)).status).toBe(200);
    await taken(`${bothNodes()}limits: { maxBodyBytes: 1KiB }\n`);
    expect((await postChat(cluster.url, body)).status).toBe(413);
    await taken(bothNodes(), 2);
    expect((await postChat(cluster.url, body)).status).toBe(200);
  });

  it('lets in who waits for a bound that is raised', async () => {
    await taken(`${bothNodes()}server: { concurrency: 1 }\n`);
    const leaving = new AbortController();
    const body = JSON.stringify({ model: 'endless', messages: [{ role: 'user', content: 'go on' }] });
    const running = await fetch(`${cluster.url}/api/chat`, { method: 'POST', body, signal: leaving.signal });
    const held = postChat(cluster.url, { model: 'words' });
    const states = async () =>
      (await cluster.get<{ requests: { state: string }[] }>('/api/requests')).requests.map(({ state }) => state);
    await until(async () => (await states()).includes('held'));
    await taken(bothNodes(), 2);
    expect((await held).status).toBe(200);
    expect(running.status).toBe(200);
    leaving.abort();
  });

  it('invites an agent that was written into it', async () => {
    await using engine = await startOllamaEngine({ models: [other] });
    const port = await freePort();
    const data = path.join(path.dirname(cluster.configFile), 'guest');
    await using agent = new WaggleProcess({
      main: 'node-agent/src/main.ts',
      args: ['--name', 'guest', '--port', String(port), '--data', data],
      env: { LLAMA_BASE_URL: engine.url },
    });
    agent.start();
    await taken(`${bothNodes()}  - { name: lodger, host: 127.0.0.1, port: ${port} }\n`);
    await cluster.serving('lodger');
  });

  it('moves the level of the log', async () => {
    await replace(`${bothNodes()}server: { readTimeout: 7 }\nlogging: { level: warn }\n`);
    await until(async () => said('config-needs-restart').length === 1, 6_000);
    cluster.orchestrator.signal('SIGHUP');
    await until(async () => said('config-needs-restart').length === 2);
    expect(said('config-reloaded')).toEqual([]);
    await taken(`${bothNodes()}logging: { level: info }\n`);
  });

  it('moves the bounds of the cache', async () => {
    const stats = () => cluster.get<{ maxBytes: number; ttlMs: number }>('/api/performance/cache/stats');
    await taken(`${bothNodes()}cache: { maxBytes: 1MiB, ttl: 7s }\n`);
    expect(await stats()).toMatchObject({ maxBytes: 1_048_576, ttlMs: 7_000 });
    await taken(bothNodes(), 2);
    expect(await stats()).toMatchObject({ ttlMs: 3_600_000 });
  });

  it('says what needs a restart, by key, and takes up the rest', async () => {
    await taken(`${bothNodes()}server: { readTimeout: 7 }\nlimits: { lanesPerNode: 5, stallMax: 9 }\n`);
    expect(said('config-reloaded')).toMatchObject([{ changed: ['limits.stallMax'] }]);
    expect(said('config-needs-restart')).toMatchObject([{ keys: ['server.readTimeout', 'limits.lanesPerNode'] }]);
  });

  it('is rejected at once on SIGHUP where it is wrong, as often as it is asked for', async () => {
    await taken(bothNodes());
    await replace(`${bothNodes()}limits: { stallMax: never }\n`);
    for (const times of [1, 2]) {
      cluster.orchestrator.signal('SIGHUP');
      await until(async () => said('config-rejected').length === times);
    }
    expect(said('config-rejected')[1]?.['problems']).toEqual([
      expect.stringMatching(/config.yaml:\d+: limits.stallMax/),
    ]);
    expect(said('config-reloaded')).toHaveLength(1);
    expect((await postChat(cluster.url, { model: 'words@big' })).status).toBe(200);
  });

  // As configuration maps are mounted: a link to a link to a folder, of which the second is changed for another.
  it('is taken up when a folder behind links takes the place of another', async () => {
    const folder = path.join(path.dirname(cluster.configFile), 'mounted');
    const write = async (edition: string, text: string) => {
      await mkdir(path.join(folder, edition), { recursive: true });
      await writeFile(path.join(folder, edition, 'config.yaml'), text);
      await symlink(edition, path.join(folder, `..data_${edition}`));
      await rename(path.join(folder, `..data_${edition}`), path.join(folder, '..data'));
    };
    await write('one', `${bothNodes()}models: { mounted: words }\n`);
    await symlink(path.join(folder, '..data/config.yaml'), `${cluster.configFile}.link`);
    await rename(`${cluster.configFile}.link`, cluster.configFile);
    await until(async () => (await aliases())['mounted']?.[0] === 'words', 6_000);
    await write('two', `${bothNodes()}models: { mounted: other }\n`);
    await until(async () => (await aliases())['mounted']?.[0] === 'other', 6_000);
    await write('three', `${bothNodes()}models: { mounted: } }\n`);
    await until(async () => said('config-rejected').length === 1, 6_000);
    expect((await aliases())['mounted']).toEqual(['other']);
    await rm(cluster.configFile);
    await until(async () => said('config-rejected').length === 2, 6_000);
    await replace(bothNodes());
    await until(async () => said('config-reloaded').length === 3, 6_000);
  });

  it('stays as it is when the file that was asked for is gone', async () => {
    await rm(cluster.configFile);
    await until(async () => said('config-rejected').length === 1, 6_000);
    expect(said('config-rejected')[0]?.['problems']).toEqual([expect.stringContaining('there is no file')]);
    expect((await postChat(cluster.url, { model: 'words' })).status).toBe(200);
  });
});

describe('settings of a model', () => {
  it('name the only nodes that serve it, and decisions show it', async () => {
    await taken(`${bothNodes()}models: { words: { nodes: [big] } }\n`);
    const answer = await postChat(cluster.url, { model: 'words:latest' });
    expect(answer.headers['x-waggle-node']).toBe('big');
    const { attempts } = await cluster.get<{ attempts: { decision: { candidates: object[] } }[] }>(
      `/api/requests/${answer.headers['x-request-id']}`,
    );
    expect(attempts[0]?.decision.candidates).toContainEqual(
      expect.objectContaining({ node: 'desk', excluded: 'not-among-nodes' }),
    );
    expect((await postChat(cluster.url, { model: 'words@desk' })).status).toBe(503);
  });

  it('name nodes that nobody knows, which is said', async () => {
    await taken(`${bothNodes()}models: { words: { nodes: [big, attic] } }\n`);
    await until(async () => said('model-nodes-unknown').length > 0);
    expect(said('model-nodes-unknown')).toMatchObject([{ model: 'words:latest', nodes: ['attic'] }]);
  });

  it('set the deadline of who states none', async () => {
    await taken(`${bothNodes()}models: { endless: { timeout: 300ms } }\n`);
    const answer = await postChat(cluster.url, { model: 'endless' });
    expect([answer.status, answer.text]).toEqual([504, expect.stringContaining('within 300 ms')]);
  });

  it('have a model loaded before anybody asks for it, in its context, to stay', async () => {
    await taken(`${bothNodes()}models: { spare: { preload: true, numCtx: 8192, keepAlive: 1h, nodes: [desk] } }\n`);
    await until(async () => desk.control.state.models['spare:latest']?.resident === true);
    const load = desk.requests.all.findLast(({ model }) => model.startsWith('spare'));
    expect(load?.body).toMatchObject({ keep_alive: 3_600, options: { num_ctx: 8_192 } });
    expect(big.control.state.models['spare:latest']?.loads).toBe(0);
    await postChat(cluster.url, { model: 'spare', options: { num_ctx: 2_048 } });
    expect(desk.control.state.models['spare:latest']?.loads).toBe(1);
  });
});
