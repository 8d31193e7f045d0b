import { toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { describe, expect, it } from 'vitest';
import { open, type Reply, readReply, send } from '../test-client.ts';
import { type AnswerScript, aborted, startTestServer, type TestServer } from '../test-server.ts';

const path = '/v1/responses';
type Json = Record<string, unknown>;

const idOf = (object: Json | undefined): string => String(object?.['id']);

const saying = (text: string): AnswerScript =>
  async function* () {
    yield toTypedBatch([
      { type: 'text-delta', text },
      { type: 'response-end', finishReason: 'stop', usage: { promptTokens: 3, completionTokens: 1 } },
    ]);
  };

async function create(server: TestServer, fields: object): Promise<Reply> {
  return send(server.port, path, { body: { model: 'tiny', input: 'hi', ...fields } });
}

async function createOne(server: TestServer, fields: object = {}): Promise<Json> {
  return (await create(server, fields)).json() as Json;
}

const get = (server: TestServer, target: string): Promise<Reply> =>
  send(server.port, `${path}/${target}`, { method: 'GET' });

async function askedOf(server: TestServer, count: number): Promise<Json> {
  const { request } = await server.inference.asked(count);
  return JSON.parse(Buffer.from(request.body).toString()) as Json;
}

it('a request runs as a chat whose answer comes as events', async () => {
  await using server = await startTestServer({ script: saying('Hello') });
  const reply = await create(server, { instructions: 'Be brief.', max_output_tokens: 5 });
  expect(reply.status).toBe(200);
  expect(reply.headers).toMatchObject({ 'x-waggle-node': 'node-1', 'x-waggle-attempts': '0' });
  expect(reply.json()).toMatchObject({
    id: expect.stringMatching(/^resp_[\da-f]{32}$/),
    object: 'response',
    status: 'completed',
    model: 'tiny',
    instructions: 'Be brief.',
    output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hello' }] }],
    usage: { input_tokens: 3, output_tokens: 1, total_tokens: 4 },
  });
  const { request } = await server.inference.asked();
  expect(request).toMatchObject({ answer: 'events', facts: { endpoint: 'openai.chat', model: 'tiny', maxTokens: 5 } });
});

describe('the memory', () => {
  it('goes on from an earlier response, without its instructions', async () => {
    await using server = await startTestServer({ script: saying('Hello') });
    const first = await createOne(server, { instructions: 'Be brief.' });
    const second = await createOne(server, { input: 'And?', previous_response_id: first['id'] });
    await createOne(server, { input: 'And now?', previous_response_id: second['id'] });
    expect((await askedOf(server, 3))['messages']).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'And?' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'And now?' },
    ]);
    expect(second['previous_response_id']).toBe(first['id']);
  });

  it('takes items by their ids', async () => {
    await using server = await startTestServer({ script: saying('Hello') });
    const [item] = (await createOne(server))['output'] as Json[];
    await createOne(server, {
      input: [
        { type: 'item_reference', id: item?.['id'] },
        { role: 'user', content: 'And?' },
      ],
    });
    expect((await askedOf(server, 2))['messages']).toEqual([
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'And?' },
    ]);
  });

  it('gives a response again, lists its input, and forgets it when told', async () => {
    await using server = await startTestServer({ script: saying('Hello') });
    const first = await createOne(server);
    const second = await createOne(server, { input: 'And?', previous_response_id: first['id'] });
    expect((await get(server, idOf(second))).json()).toEqual(second);
    const items = (await get(server, `${idOf(second)}/input_items?order=asc`)).json() as { data: Json[] };
    expect(items).toMatchObject({ object: 'list', has_more: false, first_id: items.data[0]?.['id'] });
    expect(items.data.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(items.data.every(({ id }) => typeof id === 'string')).toBe(true);
    const newest = (await get(server, `${idOf(second)}/input_items?limit=1`)).json();
    expect(newest).toMatchObject({ data: [items.data[2]], has_more: true });
    const rest = (await get(server, `${idOf(second)}/input_items?after=${idOf(items.data[2])}`)).json();
    expect(rest).toMatchObject({ data: [items.data[1], items.data[0]], has_more: false });
    const gone = await send(server.port, `${path}/${idOf(first)}`, { method: 'DELETE' });
    expect(gone.json()).toEqual({ id: first['id'], object: 'response', deleted: true });
    expect((await get(server, idOf(first))).status).toBe(404);
    expect((await get(server, `${idOf(second)}/input_items`)).json()).toMatchObject({ data: { length: 3 } });
  });

  it('keeps nothing that it was told not to keep', async () => {
    await using server = await startTestServer({ script: saying('Hello') });
    const { id, store } = await createOne(server, { store: false });
    expect(store).toBe(false);
    expect((await get(server, String(id))).status).toBe(404);
    const reply = await create(server, { previous_response_id: id });
    expect(reply).toMatchObject({ status: 400 });
    expect(reply.json()).toMatchObject({ error: { param: 'previous_response_id', type: 'invalid_request_error' } });
  });

  it('is bounded', async () => {
    await using server = await startTestServer({ script: saying('Hello'), limits: { keptResponses: 2 } });
    const ids: unknown[] = [];
    for (let count = 0; count < 3; count++) ids.push((await createOne(server))['id']);
    const statuses = await Promise.all(ids.map(async (id) => (await get(server, String(id))).status));
    expect(statuses).toEqual([404, 200, 200]);
  });

  it('keeps what a stream said, also one that failed', async () => {
    await using server = await startTestServer({
      script: async function* () {
        yield toTypedBatch([{ type: 'text-delta', text: 'Hel' }]);
        throw new ClusterError('engine-failed', 'cut');
      },
    });
    const { response } = await open(server.port, path, { body: { model: 'tiny', input: 'hi', stream: true } });
    const { text, headers } = await readReply(response);
    expect(headers['content-type']).toBe('text/event-stream');
    const events = [...text.matchAll(/^event: (\S+)$/gm)].map(([, name]) => name);
    expect(events.slice(0, 2)).toEqual(['response.created', 'response.in_progress']);
    expect(events.at(-1)).toBe('response.failed');
    const [, id] = /"id":"(resp_\w+)"/.exec(text) ?? [];
    expect((await get(server, String(id))).json()).toMatchObject({
      status: 'failed',
      error: { code: 'server_error', message: 'cut' },
      output: [{ status: 'incomplete', content: [{ text: 'Hel' }] }],
    });
  });
});

it('a client that leaves cancels the work', async () => {
  await using server = await startTestServer({
    script: async function* (_request, signal) {
      yield toTypedBatch([{ type: 'text-delta', text: 'Hel' }]);
      await aborted(signal);
      throw signal.reason;
    },
  });
  const { request, response } = await open(server.port, path, { body: { model: 'tiny', input: 'hi', stream: true } });
  response.on('error', () => {});
  request.destroy();
  const { signal } = await server.inference.asked();
  await aborted(signal);
  expect(signal.reason).toMatchObject({ code: 'client-gone' });
});

describe('what is not there is said', () => {
  it.each<[string, string, string, object | undefined, number]>([
    ['an unknown response', 'GET', `${path}/resp_x`, undefined, 404],
    ['its items', 'GET', `${path}/resp_x/input_items`, undefined, 404],
    ['its deletion', 'DELETE', `${path}/resp_x`, undefined, 404],
    ['its cancellation', 'POST', `${path}/resp_x/cancel`, undefined, 404],
    ['events of the past', 'GET', `${path}/resp_x?stream=true`, undefined, 400],
    ['a compaction', 'POST', `${path}/compact`, {}, 400],
    ['a background response', 'POST', path, { model: 'tiny', input: 'hi', background: true }, 400],
    ['a conversation', 'POST', path, { model: 'tiny', input: 'hi', conversation: 'conv_1' }, 400],
    ['an unknown item', 'POST', path, { model: 'tiny', input: [{ type: 'item_reference', id: 'msg_1' }] }, 400],
    ['a wrong method', 'PUT', path, undefined, 405],
    ['a count for nobody', 'POST', `${path}/input_tokens`, { model: 'tiny', input: 'hi' }, 404],
  ])('%s', async (_case, method, target, body, status) => {
    await using server = await startTestServer({ script: saying('Hello') });
    const reply = await send(server.port, target, { method, ...(body && { body }) });
    expect(reply.status).toBe(status);
    expect(reply.json()).toMatchObject({ error: { message: expect.stringMatching(/./), type: expect.any(String) } });
  });

  it('only what runs in the background can be cancelled', async () => {
    await using server = await startTestServer({ script: saying('Hello') });
    const id = idOf(await createOne(server));
    expect((await send(server.port, `${path}/${id}/cancel`, {})).status).toBe(400);
  });
});

it('tokens are counted by estimate, and it says so', async () => {
  await using server = await startTestServer({ nodes: [{ name: 'a', models: [{ name: 'tiny:latest' }] }] });
  const body = { model: 'tiny', input: 'x'.repeat(400) };
  const reply = await send(server.port, `${path}/input_tokens`, { body });
  expect(reply.headers['x-waggle-estimate']).toBe('true');
  expect(reply.json()).toEqual({ object: 'response.input_tokens', input_tokens: expect.any(Number) });
});
