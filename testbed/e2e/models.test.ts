import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { collect } from '../src/cluster/collect.ts';
import { until } from '../src/cluster/process-cluster.ts';
import { EngineCluster } from './engine-cluster.ts';
import { openChat, postChat } from './post-chat.ts';

const shared = { name: 'shared', answer: { kind: 'words', count: 4 }, sizeBytes: 2_000, contextLength: 8192 } as const;
const pullable = [
  { name: 'fetched', answer: { kind: 'words', count: 4 }, sizeBytes: 4_000 },
  { name: 'everywhere', answer: { kind: 'words', count: 4 }, sizeBytes: 4_000 },
] as const;

let clients: EngineCluster;

beforeAll(async () => {
  const endless = { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 5 } as const;
  const own = { pullable, maxLoadedModels: 8, contextLength: 4096 };
  clients = await EngineCluster.start({
    left: { ollama: { ...own, models: [shared, { name: 'left-only' }, endless] } },
    right: { ollama: { ...own, models: [{ ...shared, modifiedAt: '2026-06-01T00:00:00Z', sizeBytes: 3_000 }] } },
    rack: { openai: { models: [{ name: 'served' }] } },
  });
});
afterAll(() => clients?.[Symbol.asyncDispose]());
beforeEach(() => {
  for (const engine of clients.engines) engine.requests.clear();
});

interface Entry {
  readonly name: string;
  readonly digest: string;
  readonly size: number;
  readonly nodes: readonly string[];
  readonly node: string;
  readonly differing_digests?: Readonly<Record<string, string>>;
}

const tags = async () => (await clients.cluster.get<{ models: Entry[] }>('/api/tags')).models;
const resident = async () => (await clients.cluster.get<{ models: Entry[] }>('/api/ps')).models;
const tag = async (name: string) => (await tags()).find((entry) => entry.name === name);

async function post(path: string, body: unknown, method = 'POST'): Promise<{ status: number; text: string }> {
  const response = await fetch(`${clients.url}${path}`, { method, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

describe('the list of models', () => {
  it('has one entry for each name, of the newest, and says where it is and that they differ', async () => {
    const entry = await tag('shared:latest');
    expect(entry).toMatchObject({ size: 3_000, nodes: ['left', 'right'] });
    expect(Object.keys(entry?.differing_digests ?? {}).toSorted()).toEqual(['left', 'right']);
    expect(await tag('left-only:latest')).toMatchObject({ nodes: ['left'] });
    expect((await tag('left-only:latest'))?.differing_digests).toBeUndefined();
    const served = await tag('served');
    expect(served?.digest.length).toBeGreaterThanOrEqual(12);
    const names = (await tags()).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('is told by node too', async () => {
    const { models } = await clients.cluster.get<{ models: Entry[] }>('/api/nodes/right/models');
    expect(models.map(({ name }) => name)).toEqual(['shared:latest']);
  });
});

describe('pull', () => {
  it('goes to one node, says so line by line, and the model can be used at once', async () => {
    const lines = await collect(await clients.ollama.pull({ model: 'fetched', stream: true }));
    expect(lines.at(-1)?.status).toBe('success');
    expect(lines.filter(({ status }) => status === 'success')).toHaveLength(1);
    expect(lines.some(({ completed, total }) => completed === total && total === 4_000)).toBe(true);
    const nodes = new Set(lines.map((line) => (line as unknown as Entry).node).filter((node) => node !== undefined));
    expect(nodes.size).toBe(1);
    expect((await tag('fetched:latest'))?.nodes).toHaveLength(1);
    expect((await postChat(clients.url, { model: 'fetched' })).status).toBe(200);
  });

  it('goes to the node that is named', async () => {
    expect((await post('/api/pull?node=right', { model: 'everywhere', stream: false })).status).toBe(200);
    expect((await tag('everywhere:latest'))?.nodes).toEqual(['right']);
  });

  it('goes to all, with the lines of each and one end', async () => {
    const { status, text } = await post('/api/pull?node=*', { model: 'everywhere' });
    expect(status).toBe(200);
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { status?: string; node?: string });
    expect(new Set(lines.map(({ node }) => node).filter((node) => node !== undefined))).toEqual(
      new Set(['left', 'right']),
    );
    expect(lines.filter((line) => line.status === 'success')).toEqual([lines.at(-1)]);
    expect((await tag('everywhere:latest'))?.nodes).toEqual(['left', 'right']);
  });

  it('of what is nowhere fails in the engine’s words', async () => {
    await expect(clients.ollama.pull({ model: 'nowhere' })).rejects.toThrow('pull model manifest');
    expect((await post('/api/pull', { model: 'nowhere', stream: false })).status).toBe(500);
    expect((await post('/api/pull?node=nobody', { model: 'fetched' })).status).toBe(400);
    expect((await post('/api/pull?node=rack', { model: 'fetched' })).status).toBe(400);
  });
});

describe('show', () => {
  it('is the engine’s own, and a report’s where the engine cannot', async () => {
    const own = await clients.ollama.show({ model: 'left-only' });
    expect(own.modelfile).toContain('FROM');
    const reported = await clients.ollama.show({ model: 'served' });
    expect(reported.capabilities.length).toBeGreaterThan(0);
    expect(reported.model_info).toEqual(expect.objectContaining({}));
    await expect(clients.ollama.show({ model: 'absent' })).rejects.toMatchObject({ status_code: 404 });
  });
});

describe('load and unload', () => {
  it('loads where it fits, keeps as long as the client says at least, and unloads everywhere', async () => {
    await clients.ollama.generate({ model: 'left-only', prompt: '', keep_alive: '30m' });
    expect(await resident()).toContainEqual(expect.objectContaining({ name: 'left-only:latest', node: 'left' }));
    const load = clients.engine('left').requests.all.at(-1)?.body as { keep_alive: number };
    expect(load.keep_alive).toBeGreaterThanOrEqual(1_800);

    // A shorter one does not shorten it: it is a lower bound.
    await postChat(clients.url, { model: 'left-only', keep_alive: '1m' });
    const chat = clients.engine('left').requests.all.at(-1)?.body as { keep_alive: number };
    expect(chat.keep_alive).toBeGreaterThan(1_700);

    for (const node of ['left', 'right']) await postChat(clients.url, { model: `shared@${node}` });
    expect((await resident()).filter(({ name }) => name === 'shared:latest')).toHaveLength(2);
    const unloaded = await clients.ollama.generate({ model: 'shared', prompt: '', keep_alive: 0 });
    expect(unloaded.done_reason).toBe('unload');
    expect((await resident()).filter(({ name }) => name === 'shared:latest')).toEqual([]);
  });

  it('a keep_alive of 0 on a real call unloads after it', async () => {
    const answer = await postChat(clients.url, { model: 'shared@right', keep_alive: 0 });
    expect(answer.json()).toMatchObject({ done: true, message: { content: 'w0 w1 w2 w3' } });
    const { requests } = clients.engine('right');
    await requests.waitFor(({ body }) => (body as { keep_alive?: unknown } | undefined)?.keep_alive === 0);
    await until(async () => !(await resident()).some(({ name, node }) => name === 'shared:latest' && node === 'right'));
  });

  it('pins the context: no request makes the model load again by leaving it out, or by asking for less', async () => {
    const { requests } = clients.engine('left');
    const loads = () => clients.engine('left').control.state.models['left-only:latest']?.loads;
    await postChat(clients.url, { model: 'left-only' });
    const before = loads();
    for (const options of [undefined, { num_ctx: 2048 }, { num_ctx: 4096 }, { temperature: 0 }]) {
      expect((await postChat(clients.url, { model: 'left-only', options })).status).toBe(200);
    }
    const { openai } = clients;
    await openai.chat.completions.create({ model: 'left-only', messages: [{ role: 'user', content: 'count' }] });
    const asked = requests.all.filter(({ path }) => path === '/api/chat').map(({ body }) => body);
    expect(asked.map((body) => (body as { options?: { num_ctx?: number } }).options?.num_ctx)).toEqual(
      Array<number>(6).fill(4096),
    );
    expect(loads()).toBe(before);
  });

  it('a larger context is a load, and the new pin', async () => {
    const { requests } = clients.engine('left');
    expect((await postChat(clients.url, { model: 'left-only', options: { num_ctx: 6000 } })).status).toBe(200);
    expect((await resident()).find(({ name }) => name === 'left-only:latest')).toMatchObject({ context_length: 6000 });
    requests.clear();
    await postChat(clients.url, { model: 'left-only' });
    expect(requests.all.map(({ body }) => (body as { options?: { num_ctx?: number } }).options?.num_ctx)).toEqual([
      6000,
    ]);
  });
});

describe('delete', () => {
  it('is from all that have it, and seen at once', async () => {
    expect(await post('/api/delete', { name: 'everywhere' }, 'DELETE')).toEqual({ status: 200, text: '' });
    expect(await tag('everywhere:latest')).toBeUndefined();
    for (const name of ['left', 'right']) {
      expect(clients.engine(name).core.findModel('everywhere')).toBeUndefined();
    }
    expect((await post('/api/delete', { model: 'everywhere' }, 'DELETE')).status).toBe(404);
  });

  it('of what an engine was started with is refused in words', async () => {
    const { status, text } = await post('/api/delete', { model: 'served' }, 'DELETE');
    expect(status).toBe(400);
    expect(JSON.parse(text)).toEqual({ error: expect.stringContaining('cannot delete') });
  });
});

it('the models of a node that left stay listed for a while', async () => {
  await using chat = await openChat(clients.url, { model: 'endless' });
  chat.leave();
  await clients.cluster.agent('left').kill('SIGKILL');
  await until(async () => (await clients.cluster.node('left'))?.state !== 'active');
  expect(await tag('left-only:latest')).toMatchObject({ nodes: ['left'] });
  expect((await resident()).filter(({ node }) => node === 'left')).toEqual([]);
});
