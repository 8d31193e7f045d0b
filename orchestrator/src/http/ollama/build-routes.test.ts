import type { OperationFrame } from '@waggle/shared/cluster/operation.ts';
import { describe, expect, it } from 'vitest';
import { answering, type Script } from '../../operations/scripted-nodes.ts';
import { open, readReply, send, start } from '../test-client.ts';
import { startTestServer, type TestServer } from '../test-server.ts';
import { asked, maker, one, tiny, two, vllm } from './making-nodes.ts';

const post = (server: TestServer, path: string, body: unknown) => send(server.port, path, { body });

describe('/api/copy', () => {
  const nodes = ['a', 'b'].map((name) => ({ name, models: [tiny] }));

  it('copies wherever the model is, and answers an empty 200', async () => {
    await using server = await startTestServer({ nodes: [...nodes, { name: 'c' }] });
    const reply = await post(server, '/api/copy', { source: 'TINY', destination: 'spare' });
    expect(reply).toMatchObject({ status: 200, text: '', headers: { 'content-length': '0' } });
    expect(asked(server, 'copy')).toEqual(
      ['a', 'b'].map((node) => ({ node, source: 'tiny:latest', destination: 'spare' })),
    );
  });

  it.each([
    ['/api/copy?node=b', 'tiny', 'spare'],
    ['/api/copy', 'tiny@b', 'spare'],
    ['/api/copy', 'tiny', 'spare@b'],
  ])('%s of %s to %s goes to that node', async (path, source, destination) => {
    await using server = await startTestServer({ nodes });
    expect((await post(server, path, { source, destination })).status).toBe(200);
    expect(asked(server, 'copy')).toEqual([{ node: 'b', source: 'tiny:latest', destination: 'spare' }]);
  });

  it.each([
    [{ source: 'absent', destination: 'x' }, 404, 'model "absent" not found'],
    [{}, 400, 'source "" is invalid'],
    [{ source: 'tiny' }, 400, 'destination "" is invalid'],
    [{ source: 'tiny', destination: 'a b' }, 400, 'destination "a b" is invalid'],
    [{ source: 7 }, 400, 'json: cannot unmarshal number into Go struct field CopyRequest.source of type string'],
    [[], 400, 'json: cannot unmarshal array into Go value of type api.CopyRequest'],
    [
      { source: 'fast', destination: 'x' },
      400,
      "'fast' is an alias of the configuration for tiny; copy a model by its own name",
    ],
    [
      { source: 'tiny', destination: 'fast' },
      400,
      "'fast' is an alias of the configuration for tiny; a copy of this name would hide it",
    ],
    [{ source: 'qwen', destination: 'x' }, 400, "'qwen' is on no engine that can copy models"],
    [{ source: 'tiny', destination: 'x@nowhere' }, 400, "there is no node called 'nowhere'"],
    [{ source: 'tiny', destination: 'x@c' }, 404, "node 'c' has no model 'tiny'"],
  ])('of %j is %i', async (body, status, error) => {
    await using server = await startTestServer({ nodes: [...nodes, { name: 'c' }, vllm], aliases: { fast: ['tiny'] } });
    const reply = await post(server, '/api/copy', body);
    expect([reply.status, (reply.json() as { error: string }).error]).toEqual([status, error]);
    expect(asked(server, 'copy')).toEqual([]);
  });

  it('names the nodes that have not copied', async () => {
    const full = { name: 'b', models: [tiny], script: answering(500, '{"error":"disk is full"}') };
    await using server = await startTestServer({ nodes: [{ name: 'a', models: [tiny] }, full] });
    const reply = await post(server, '/api/copy', { source: 'tiny', destination: 'x' });
    expect(reply.status).toBe(502);
    expect(reply.json()).toEqual({ error: "'tiny' could not be copied on 1 of 2 nodes (b: disk is full)" });
  });
});

describe('/api/create', () => {
  const having = { models: [tiny] };

  it.each([
    ['wherever the base is', '/api/create', { model: 'made', from: 'tiny' }, ['a', 'b'], 'tiny:latest'],
    ['where the base is named', '/api/create', { model: 'made', from: 'tiny@b' }, ['b'], 'tiny:latest'],
    ['where the model is named', '/api/create', { model: 'made@b', from: 'tiny' }, ['b'], 'tiny:latest'],
    ['where the query says', '/api/create?node=c,b', { name: 'made', from: 'tiny' }, ['b', 'c'], 'tiny:latest'],
    ['everywhere', '/api/create?node=*', { model: 'made', from: 'tiny' }, ['a', 'b', 'c'], 'tiny:latest'],
    ['by an alias of the base', '/api/create', { model: 'made', From: 'fast' }, ['a', 'b'], 'tiny:latest'],
    [
      'to the roomiest for a base that is nowhere',
      '/api/create',
      { model: 'made', from: 'hf.co/x/y' },
      ['c'],
      'hf.co/x/y',
    ],
    ['to a node that is to fetch it', '/api/create', { model: 'made', from: 'new@a' }, ['a'], 'new'],
  ])('goes %s', async (_case, path, body, nodes, from) => {
    await using server = await startTestServer({
      nodes: [maker('a', having), maker('b', having), maker('c', { memoryAvailableBytes: 12e9 }), vllm],
      aliases: { fast: ['tiny'] },
    });
    const reply = await post(server, path, { ...body, system: 'Be brief.' });
    expect(reply).toMatchObject({ status: 200, headers: { 'content-type': 'application/x-ndjson' } });
    expect(reply.text.endsWith('"success"}\n') || reply.text.includes('"success","node"')).toBe(true);
    expect(asked(server, 'create')).toEqual(
      nodes.map((node) => ({ node, model: 'made', from, system: 'Be brief.', stream: true })),
    );
  });

  it('says only the end where no stream is wanted', async () => {
    await using server = await startTestServer({ nodes: [maker('a', having), maker('b', having)] });
    for (const from of ['tiny', 'tiny@a'])
      expect((await post(server, '/api/create', { model: 'made', from, stream: false })).text).toBe(
        '{"status":"success"}',
      );
  });

  it.each([
    ['on the only node that has them all', { a: [one], b: [one, two] }, '/api/create', ['b']],
    ['on all that have them', { a: [one, two], b: [one, two] }, '/api/create', ['a', 'b']],
    ['where the query says', { a: [one, two], b: [one, two] }, '/api/create?node=a', ['a']],
    ['where most of them are, if one is nowhere', { a: [], b: [two] }, '/api/create', ['b']],
  ])('makes a model of files %s', async (_case, files, path, nodes) => {
    await using server = await startTestServer({
      nodes: [maker('a', { files: files.a }), maker('b', { files: files.b })],
    });
    const body = { model: 'made', files: { 'a.gguf': one }, adapters: { 'b.gguf': two } };
    expect((await post(server, path, body)).status).toBe(200);
    expect(asked(server, 'create')).toEqual(nodes.map((node) => ({ node, ...body, stream: true })));
  });

  it('refuses what lies on different nodes, and says where', async () => {
    await using server = await startTestServer({
      nodes: [maker('a', { ...having, files: [one] }), maker('b', { files: [two] })],
    });
    const where = 'what the model is made from must be on one node, but it is: ';
    const how = '; name the node with ?node= when you send the files';
    for (const [path, body, words] of [
      ['/api/create', { files: { x: one, y: two } }, 'sha256:111111111111 on a; sha256:222222222222 on b'],
      ['/api/create?node=a', { files: { y: two } }, 'sha256:222222222222 on b'],
      ['/api/create', { from: 'tiny', adapters: { y: two } }, "sha256:222222222222 on b; 'tiny' on a"],
    ] as const) {
      const reply = await post(server, path, { model: 'made', ...body });
      expect([reply.status, reply.json()]).toEqual([400, { error: where + words + how }]);
    }
    expect(asked(server, 'create')).toEqual([]);
  });

  it.each([
    [{}, 400, 'invalid model name'],
    [{ model: 'a b', from: 'tiny' }, 400, 'invalid model name'],
    [
      { model: 'x', from: 7 },
      400,
      'json: cannot unmarshal number into Go struct field CreateRequest.from of type string',
    ],
    [
      { model: 'fast', from: 'tiny' },
      400,
      "'fast' is an alias of the configuration for tiny; a model of this name would hide it",
    ],
    [{ model: 'x', from: 'qwen' }, 400, "'qwen' is on no engine that can make models of it"],
  ])('of %j is %i', async (body, status, error) => {
    await using server = await startTestServer({ nodes: [maker('a', having), vllm], aliases: { fast: ['tiny'] } });
    const reply = await post(server, '/api/create', body);
    expect([reply.status, (reply.json() as { error: string }).error]).toEqual([status, error]);
  });

  it("hands on an engine's refusal as it is", async () => {
    const refusal = answering(400, `{"error":"neither 'from' or 'files' was specified"}`);
    await using server = await startTestServer({ nodes: [maker('a', { script: refusal })] });
    const reply = await post(server, '/api/create', { model: 'x' });
    expect([reply.status, reply.text]).toEqual([400, `{"error":"neither 'from' or 'files' was specified"}`]);
  });

  it('makes one model of a name at a time', async () => {
    const gates: (() => void)[] = [];
    const gated: Script = async function* (): AsyncGenerator<OperationFrame> {
      yield { type: 'head', status: 200, contentType: 'application/x-ndjson' };
      yield { type: 'chunk', bytes: Buffer.from('{"status":"writing manifest"}\n') };
      await new Promise<void>((resolve) => gates.push(resolve));
      yield { type: 'chunk', bytes: Buffer.from('{"status":"success"}\n') };
      yield { type: 'end' };
    };
    await using server = await startTestServer({ nodes: [{ name: 'a', ...having, script: gated }] });
    const create = (model: string, system: string) =>
      open(server.port, '/api/create', { body: { model, from: 'tiny', system } });
    const systems = () => asked(server, 'create').map((body) => (body as { system: string }).system);
    const first = await create('made', 'first');
    const other = await create('other', 'other');
    const second = create('MADE:latest', 'second');
    // One that leaves the line is never made.
    const gone = start(server.port, '/api/create');
    gone.on('error', () => {});
    gone.end(JSON.stringify({ model: 'made', from: 'tiny', system: 'gone' }));
    await expect.poll(() => server.http.activity().running).toBe(4);
    gone.destroy();
    await expect.poll(() => server.http.activity().running).toBe(3);
    const last = create('made', 'last');
    expect(systems()).toEqual(['first', 'other']);
    for (const expected of [
      ['first', 'other', 'second'],
      ['first', 'other', 'second', 'last'],
    ]) {
      for (const go of gates.splice(0)) go();
      await expect.poll(systems).toEqual(expected);
    }
    await expect.poll(() => gates.length).toBe(1);
    for (const go of gates.splice(0)) go();
    for (const { response } of [first, other, await second, await last])
      expect((await readReply(response)).text).toMatch(/"success"/);
  });
});

describe('/api/push', () => {
  it('goes to one node that has the model, to another where that one is gone', async () => {
    const gone: Script = async function* () {
      yield { type: 'end', failure: { cause: 'unreachable', code: 'engine-unreachable', message: 'refused' } };
    };
    await using server = await startTestServer({
      nodes: [
        maker('a', { models: [{ ...tiny, state: 'hot' }], script: gone }),
        maker('b', { models: [tiny] }),
        maker('c', { models: [tiny] }),
      ],
    });
    const reply = await post(server, '/api/push', { name: 'tiny', insecure: true });
    expect(reply.headers['x-waggle-node']).toBe('b');
    expect(reply.text).toBe('{"status":"parsing GGUF","node":"b"}\n{"status":"success","node":"b"}\n');
    const sent = { model: 'tiny:latest', insecure: true, stream: true };
    expect(asked(server, 'push')).toEqual([
      { node: 'a', ...sent },
      { node: 'b', ...sent },
    ]);
    expect((await post(server, '/api/push?node=c', { model: 'tiny', stream: false })).headers['x-waggle-node']).toBe(
      'c',
    );
    expect((await post(server, '/api/push', { model: 'tiny@c' })).headers['x-waggle-node']).toBe('c');
  });

  it.each([
    [{}, 400, 'model is required'],
    [{ model: 'absent' }, 404, "model 'absent' not found"],
    [{ model: 'fast' }, 400, "'fast' is an alias of the configuration for tiny; push a model by its own name"],
    [{ model: 'qwen' }, 400, "'qwen' is on no engine that can push models"],
  ])('of %j is %i', async (body, status, error) => {
    await using server = await startTestServer({ nodes: [maker('a'), vllm], aliases: { fast: ['tiny'] } });
    const reply = await post(server, '/api/push', body);
    expect([reply.status, (reply.json() as { error: string }).error]).toEqual([status, error]);
  });
});
