import { describe, expect, it } from 'vitest';
import { answering, type ScriptedNode } from '../../operations/scripted-nodes.ts';
import { send } from '../test-client.ts';
import { startTestServer } from '../test-server.ts';
import { asked } from './making-nodes.ts';

const tag = (name: string, modified: string, digest: string): string =>
  JSON.stringify({
    name,
    model: name,
    modified_at: modified,
    size: 7,
    digest,
    details: { family: 'llama' },
    capabilities: ['completion'],
  });

const old = '2026-01-01T00:00:00Z';
const recent = '2026-11-01T00:00:00Z';
const digests = { a: 'a'.repeat(64), b: 'b'.repeat(64) };
const nodes: ScriptedNode[] = [
  {
    name: 'desk',
    models: [
      { name: 'tiny:latest', digest: digests.a, modifiedAt: old, tagJson: tag('tiny:latest', old, digests.a) },
      { name: 'same:latest', digest: digests.a, modifiedAt: old, tagJson: tag('same:latest', old, digests.a) },
    ],
  },
  {
    name: 'attic',
    models: [
      {
        name: 'Tiny:latest',
        digest: digests.b,
        modifiedAt: recent,
        state: 'hot',
        tagJson: tag('Tiny:latest', recent, digests.b),
        psJson:
          '{"name":"Tiny:latest","size":9,"size_vram":9,"expires_at":"2026-11-21T10:10:24Z","context_length":1024}',
      },
      { name: 'same:latest', digest: digests.a, modifiedAt: old, tagJson: tag('same:latest', old, digests.a) },
    ],
  },
  {
    name: 'vllm',
    models: [{ name: 'Qwen/Qwen3', state: 'hot', contextLength: 32_768, family: 'qwen3' }],
    engine: { kind: 'vllm', dialect: 'openai' },
  },
];

const get = { method: 'GET' };

describe('/api/tags', () => {
  it('has one entry per name, the newest one, with the nodes that have it', async () => {
    await using server = await startTestServer({ nodes, aliases: { fast: ['absent', 'tiny'], tiny: ['same'] } });
    const { models } = (await send(server.port, '/api/tags', get)).json() as { models: Record<string, unknown>[] };
    const byName = Object.fromEntries(models.map((model) => [String(model['name']), model]));
    expect(byName['Tiny:latest']).toMatchObject({
      modified_at: recent,
      digest: digests.b,
      nodes: ['attic', 'desk'],
      differing_digests: { desk: digests.a, attic: digests.b },
    });
    expect(byName['same:latest']).toMatchObject({ nodes: ['attic', 'desk'] });
    expect(byName['same:latest']).not.toHaveProperty('differing_digests');
    expect(byName['fast']).toMatchObject({ model: 'fast', alias_of: 'Tiny:latest', nodes: ['attic', 'desk'] });
    expect(models).toHaveLength(4);
    for (const model of models) expect(String(model['digest']).length).toBeGreaterThanOrEqual(12);
    const times = models.map((model) => Date.parse(String(model['modified_at'])));
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  it('leaves out models of an engine that is down, and keeps those of a node that just left', async () => {
    await using server = await startTestServer({
      nodes: [...nodes, { name: 'sick', models: [{ name: 'gone' }], engine: { health: 'down' } }],
    });
    const link = server.cluster.links['desk'];
    if (link === undefined) throw new Error('no link');
    server.cluster.registry.left(link, 'test');
    const { models } = (await send(server.port, '/api/tags', get)).json() as {
      models: { name: string; nodes: string[] }[];
    };
    expect(models.map((model) => model.name)).not.toContain('gone');
    expect(models.find((model) => model.name === 'same:latest')?.nodes).toEqual(['attic', 'desk']);
  });

  it('is an empty list without nodes', async () => {
    await using server = await startTestServer();
    expect((await send(server.port, '/api/tags', get)).text).toBe('{"models":[]}');
    expect((await send(server.port, '/api/ps', get)).text).toBe('{"models":[]}');
    expect((await send(server.port, '/v1/models', get)).json()).toEqual({ object: 'list', data: [] });
  });
});

it('/api/ps has what is resident, by node', async () => {
  await using server = await startTestServer({ nodes });
  const { models } = (await send(server.port, '/api/ps', get)).json() as { models: object[] };
  expect(models).toEqual([
    expect.objectContaining({
      name: 'Qwen/Qwen3',
      node: 'vllm',
      context_length: 32_768,
      digest: expect.stringMatching(/^[\da-f]{64}$/),
    }),
    expect.objectContaining({
      name: 'Tiny:latest',
      node: 'attic',
      size: 9,
      size_vram: 9,
      context_length: 1024,
      expires_at: '2026-11-21T10:10:24Z',
    }),
  ]);
});

it('/api/ps lists copies of a model that share an instance once, and what the engine was told since it reported', async () => {
  const expires = '2026-11-21T10:10:24Z';
  const hot = {
    digest: digests.a,
    state: 'hot',
    resident: { sizeBytes: 9, vramBytes: 9, expiresAt: expires },
  } as const;
  const own = { name: 'tiny:latest', ...hot, psJson: JSON.stringify({ name: 'tiny:latest', expires_at: expires }) };
  const other = { name: 'other:latest', ...hot, digest: digests.b };
  const engine = { models: [{ name: 'copy:latest', ...hot }, own, other] };
  await using server = await startTestServer({ nodes: [{ name: 'desk', ...engine }] });
  const list = async () => {
    const { models } = (await send(server.port, '/api/ps', get)).json() as {
      models: { name: string; expires_at: string }[];
    };
    return models
      .map((model) => [model.name, model.expires_at])
      .toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  };
  expect(await list()).toEqual([
    ['other:latest', expires],
    ['tiny:latest', expires],
  ]);
  const [tiny] = server.cluster.registry.places('copy:latest');
  if (tiny === undefined) throw new Error('no place');
  tiny.toldUntil = Date.parse('2026-11-21T11:00:00Z');
  expect(await list()).toContainEqual(['tiny:latest', '2026-11-21T11:00:00.000Z']);
  tiny.toldUntil = Number.POSITIVE_INFINITY;
  expect(Date.parse((await list())[1]?.[1] ?? '')).toBeGreaterThan(Date.parse('2300-01-01'));
  tiny.toldUntil = Date.parse('2026-11-21T10:00:00Z');
  expect(await list()).toContainEqual(['tiny:latest', expires]);
});

describe('/v1/models', () => {
  it('finds a model, or an alias of one, on a node', async () => {
    await using server = await startTestServer({ nodes, aliases: { fast: ['absent', 'tiny'] } });
    for (const id of ['tiny@desk', 'fast@desk', 'Qwen/Qwen3@vllm'])
      expect((await send(server.port, `/v1/models/${id}`, get)).json()).toMatchObject({ id, object: 'model' });
    for (const id of ['tiny@vllm', 'fast@vllm', 'tiny@nowhere', '@desk'])
      expect((await send(server.port, `/v1/models/${id}`, get)).json()).toHaveProperty('error');
  });

  it('lists them, and finds one by any spelling', async () => {
    await using server = await startTestServer({ nodes });
    const { data } = (await send(server.port, '/v1/models', get)).json() as { data: { id: string }[] };
    expect(data.map((model) => model.id).toSorted()).toEqual(['Qwen/Qwen3', 'Tiny:latest', 'same:latest']);
    for (const [path, id] of [
      ['/v1/models/tiny', 'tiny'],
      ['/v1/models/tiny%3Alatest', 'tiny:latest'],
      ['/v1/models/Qwen/Qwen3', 'Qwen/Qwen3'],
      ['/v1/models/Qwen%2FQwen3', 'Qwen/Qwen3'],
    ] as const) {
      expect((await send(server.port, path, get)).json()).toMatchObject({
        id,
        object: 'model',
        created: expect.any(Number),
        owned_by: expect.any(String),
      });
    }
  });

  it('says 404 in an error object', async () => {
    await using server = await startTestServer({ nodes });
    const reply = await send(server.port, '/v1/models/absent', get);
    expect(reply.status).toBe(404);
    expect(reply.json()).toMatchObject({
      error: { message: "model 'absent:latest' not found", type: 'not_found_error' },
    });
  });
});

describe('/api/show', () => {
  it("is the engine's answer, by either name of the field", async () => {
    await using server = await startTestServer({
      nodes: [{ name: 'a', models: [{ name: 'tiny:latest' }], script: answering(200, '{"license":""}') }],
    });
    for (const body of [{ model: 'tiny' }, { name: 'tiny' }]) {
      const reply = await send(server.port, '/api/show', { body });
      expect(reply.headers['x-waggle-node']).toBe('a');
      expect(reply).toMatchObject({ status: 200, text: '{"license":""}' });
    }
  });

  it('is made of the report where the engine has none', async () => {
    await using server = await startTestServer({ nodes });
    const reply = await send(server.port, '/api/show', { body: { model: 'qwen/qwen3' } });
    expect(reply.headers['x-waggle-node']).toBe('vllm');
    expect(reply.json()).toMatchObject({
      details: { family: 'qwen3' },
      model_info: { 'qwen3.context_length': 32_768 },
    });
  });

  it.each([
    [{ model: '' }, 400, 'model is required'],
    [{}, 400, 'model is required'],
    [{ model: 'absent' }, 404, "model 'absent:latest' not found"],
    [{ model: 5 }, 400, 'json: cannot unmarshal number into Go struct field ShowRequest.model of type string'],
    [{ model: ' ', name: 'tiny' }, 400, 'model is required'],
    [{ Model: 'library/Absent ' }, 404, "model 'Absent:latest' not found"],
    [{ model: 'tiny:' }, 400, 'invalid model name'],
    [{ model: null }, 400, 'model is required'],
    [null, 400, 'model is required'],
    [[], 400, 'json: cannot unmarshal array into Go value of type api.ShowRequest'],
  ])('of %j is %i', async (body, status, error) => {
    await using server = await startTestServer({ nodes });
    const reply = await send(server.port, '/api/show', { body });
    expect(reply.status).toBe(status);
    expect(reply.json()).toMatchObject({ error });
  });
});

describe('/api/pull', () => {
  const pulling = answering(200, '{"status":"pulling manifest"}\n{"status":"success"}\n');
  const failing = answering(200, '{"status":"pulling manifest"}\n{"error":"no such host"}\n');

  it('streams progress to one success', async () => {
    await using server = await startTestServer({ nodes: [{ name: 'a', script: pulling }] });
    const reply = await send(server.port, '/api/pull', { body: { name: 'tiny' } });
    expect(reply.headers['content-type']).toBe('application/x-ndjson');
    expect(reply.text).toBe('{"status":"pulling manifest","node":"a"}\n{"status":"success","node":"a"}\n');
  });

  it('says only the end where no stream is wanted', async () => {
    const whole = answering(200, '{"status":"success"}');
    await using ok = await startTestServer({ nodes: [{ name: 'a', script: whole }] });
    const done = await send(ok.port, '/api/pull', { body: { model: 'tiny', stream: false } });
    expect(done).toMatchObject({ text: '{"status":"success"}', headers: { 'x-waggle-node': 'a' } });
    await using bad = await startTestServer({ nodes: ['a', 'b'].map((name) => ({ name, script: failing })) });
    const reply = await send(bad.port, '/api/pull?node=*', { body: { model: 'tiny', stream: false } });
    expect(reply).toMatchObject({ status: 500 });
    expect(reply.json()).toMatchObject({ error: 'failed on a: no such host; b: no such host' });
  });

  it('goes to the nodes that are named', async () => {
    await using server = await startTestServer({ nodes: ['a', 'b', 'c'].map((name) => ({ name, script: pulling })) });
    const nodesAsked = () =>
      Object.entries(server.cluster.links).flatMap(([name, link]) => link.requests.map(() => name));
    await send(server.port, '/api/pull?node=a,c', { body: { model: 'tiny' } });
    expect(nodesAsked()).toEqual(['a', 'c']);
    await send(server.port, '/api/pull', { body: { model: 'tiny@b' } });
    expect(nodesAsked()).toEqual(['a', 'b', 'c']);
    await send(server.port, '/api/pull?node=*', { body: { model: 'tiny' } });
    expect(nodesAsked()).toHaveLength(6);
    expect((await send(server.port, '/api/pull?node=x', { body: { model: 'tiny' } })).status).toBe(400);
  });

  it.each(['https://example.com/m/x.gguf?download=true', '/models/x.gguf', '~/x.gguf', 'file:///x.GGUF'])(
    'gives %s to a built-in engine alone',
    async (model) => {
      const builtin = { kind: 'builtin', dialect: 'ollama' } as const;
      await using server = await startTestServer({
        nodes: [
          { name: 'a', script: pulling },
          { name: 'b', script: pulling, engine: builtin },
        ],
      });
      const reply = await send(server.port, '/api/pull', { body: { model } });
      expect(reply.headers['x-waggle-node']).toBe('b');
      expect(asked(server, 'pull')).toEqual([{ node: 'b', model, stream: true }]);
      expect((await send(server.port, '/api/pull?node=a', { body: { model } })).status).toBe(400);
      expect((await send(server.port, '/api/pull', { body: { model: `${model}@b` } })).status).toBe(200);
      expect(asked(server, 'pull')).toHaveLength(2);
    },
  );

  it.each(['', '../../etc/passwd', 'a b', '/abs', 'x//y'])('refuses the name %j', async (model) => {
    await using server = await startTestServer({ nodes });
    const reply = await send(server.port, '/api/pull', { body: { model } });
    expect([reply.status, reply.json()]).toEqual([400, { error: 'invalid model name' }]);
  });
});

describe('who may change models', () => {
  const change = [
    ['POST', '/api/pull', { model: 'tiny' }],
    ['DELETE', '/api/delete', { model: 'tiny' }],
    ['POST', '/api/copy', { source: 'tiny', destination: 'copy' }],
    ['POST', '/api/create', { model: 'made@desk', from: 'tiny' }],
    ['POST', '/api/push', { model: 'tiny' }],
    ['HEAD', `/api/blobs/sha256:${digests.a}`, undefined],
    ['POST', `/api/blobs/sha256:${digests.a}`, 'file'],
  ] as const;
  const forwarded = { 'x-forwarded-for': '203.0.113.9' };

  it.each(change)('%s %s: a peer on this machine', async (method, path, body) => {
    await using server = await startTestServer({ nodes });
    expect((await send(server.port, path, { method, body })).status).toBe(200);
  });

  it.each(change)('%s %s: from elsewhere only with the token or where everybody may', async (method, path, body) => {
    await using server = await startTestServer({ nodes, adminToken: 'secret' });
    const statusWith = async (headers: Record<string, string>, port = server.port) =>
      (await send(port, path, { method, body, headers: { ...forwarded, ...headers } })).status;
    expect(await statusWith({})).toBe(403);
    expect(await statusWith({ authorization: 'Bearer wrong' })).toBe(403);
    expect(await statusWith({ authorization: 'Basic secret' })).toBe(403);
    expect(await statusWith({ authorization: 'Bearer secret' })).toBe(200);
    await using open = await startTestServer({ nodes, server: { remoteAdmin: true } });
    expect(await statusWith({}, open.port)).toBe(200);
  });

  it.each(change)('%s %s: nobody on this machine who calls it by a foreign name', async (method, path, body) => {
    // As behind `--host 0.0.0.0`: a browser here, told by a page that the page's own name leads here.
    await using server = await startTestServer({
      nodes,
      server: { host: '0.0.0.0', hosts: ['waggle.example'] },
      adminToken: 'secret',
    });
    const statusWith = async (headers: Record<string, string>) =>
      (await send(server.port, path, { method, body, headers })).status;
    const rebound = { host: `evil.example:${server.port}`, origin: `http://evil.example:${server.port}` };
    expect(await statusWith(rebound)).toBe(403);
    expect(await statusWith({ host: rebound.host })).toBe(403);
    expect(server.cluster.links['desk']?.requests).toEqual([]);
    expect(await statusWith({ ...rebound, authorization: 'Bearer secret' })).toBe(200);
    for (const host of ['localhost:80', `127.0.0.1:${server.port}`, '[::1]', 'waggle.example']) {
      expect([host, await statusWith({ host })]).toEqual([host, 200]);
    }
  });

  it('is said in the refusal', async () => {
    await using server = await startTestServer({ nodes });
    const reply = await send(server.port, '/api/delete', {
      method: 'DELETE',
      body: { model: 'tiny' },
      headers: forwarded,
    });
    expect(reply.json()).toMatchObject({ error: expect.stringContaining('server.remoteAdmin') });
  });

  it('is not got round by another spelling of the path', async () => {
    await using server = await startTestServer({ nodes });
    for (const path of [
      '/api/%64elete',
      '/api/./delete',
      '/x/../api/delete',
      '/api/delete?x',
      '/API/delete',
      '/api//delete',
      '/api/delete/',
      '/api\\delete',
      '/api/delete%00',
    ]) {
      const reply = await send(server.port, path, { method: 'DELETE', body: { model: 'tiny' }, headers: forwarded });
      // A slash or a dot too many is sent back to the guarded path itself.
      const isRefused =
        reply.status === 307
          ? /^\/(?:x\/)?api\/delete/.test(reply.headers.location ?? '')
          : reply.status >= 400 && reply.status < 500;
      expect([path, isRefused]).toEqual([path, true]);
    }
    expect(server.cluster.links['desk']?.requests).toEqual([]);
  });
});

it('/api/delete answers an empty 200, or who is missing', async () => {
  await using server = await startTestServer({ nodes });
  const reply = await send(server.port, '/api/delete', { method: 'DELETE', body: { name: 'same' } });
  expect(reply).toMatchObject({ status: 200, text: '' });
  expect(reply.headers['content-length']).toBe('0');
  const absent = await send(server.port, '/api/delete', { method: 'DELETE', body: { name: 'absent' } });
  expect(absent.status).toBe(404);
  expect(absent.json()).toMatchObject({ error: "model 'absent' not found" });
});

it.each([
  ['GET', '/api/status', 200, { cloud: { disabled: true } }],
  ['GET', '/api/experimental/model-recommendations', 200, { recommendations: [] }],
  ['POST', '/api/me', 401, { error: 'unauthorized' }],
  ['POST', '/api/experimental/web_search', 403, { error: 'ollama cloud is disabled: web search is unavailable' }],
  ['POST', '/api/experimental/web_fetch', 403, { error: 'ollama cloud is disabled: web fetch is unavailable' }],
  ['DELETE', '/api/user/keys/x', 401, { error: 'unauthorized' }],
  ['GET', '/api/version', 200, { version: '0.34.2' }],
])('%s %s is %i', async (method, path, status, expected) => {
  await using server = await startTestServer();
  const reply = await send(server.port, path, { method });
  expect(reply.status).toBe(status);
  expect(reply.json()).toMatchObject(expected);
});
