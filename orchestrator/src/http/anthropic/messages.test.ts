import { toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { describe, expect, it } from 'vitest';
import { open, readReply, type SendOptions, send } from '../test-client.ts';
import { type AnswerScript, aborted, startTestServer, type TestServerOptions } from '../test-server.ts';

const path = '/v1/messages';
const message = (fields: object = {}) => ({
  model: 'tiny',
  max_tokens: 5,
  messages: [{ role: 'user', content: 'hi' }],
  ...fields,
});
const thinking = { type: 'enabled', budget_tokens: 1_024 };

const answer: AnswerScript = async function* () {
  yield toTypedBatch([{ type: 'text-delta', text: 'Hello' }]);
  yield toTypedBatch([{ type: 'response-end', finishReason: 'stop', usage: { promptTokens: 3, completionTokens: 1 } }]);
};

async function ask(options: TestServerOptions, sent: SendOptions, target = path) {
  await using server = await startTestServer(options);
  const reply = await send(server.port, target, sent);
  return { reply, runs: server.inference.runs.map(({ request }) => request) };
}

describe('a request', () => {
  it('runs as a chat whose answer comes as events, with everything that goes with a request', async () => {
    const { reply, runs } = await ask(
      { script: answer },
      {
        body: message({ system: 'Be brief.', seed: 7, keep_alive: '1h' }),
        headers: {
          'x-request-id': 'mine-1',
          'x-waggle-priority': 'high',
          'anthropic-version': '2023-06-01',
          'x-api-key': 'k',
        },
      },
    );
    expect(reply.status).toBe(200);
    expect(reply.headers).toMatchObject({
      'request-id': 'mine-1',
      'x-request-id': 'mine-1',
      'x-waggle-node': 'node-1',
      'x-waggle-attempts': '0',
      'content-type': 'application/json',
    });
    expect(reply.json()).toMatchObject({
      type: 'message',
      id: 'msg_mine-1',
      model: 'tiny',
      content: [{ type: 'text', text: 'Hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 3, output_tokens: 1 },
    });
    expect(runs).toMatchObject([
      {
        answer: 'events',
        priority: 'high',
        facts: { endpoint: 'openai.chat', model: 'tiny', maxTokens: 5, keepAliveSeconds: 3_600 },
      },
    ]);
    expect(JSON.parse(Buffer.from(runs[0]?.body ?? []).toString())).toEqual({
      model: 'tiny',
      stream: false,
      max_tokens: 5,
      seed: 7,
      keep_alive: '1h',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'hi' },
      ],
    });
  });

  it('streams', async () => {
    const { reply } = await ask({ script: answer }, { body: message({ stream: true }) }, `${path}?beta=true`);
    expect(reply.headers['content-type']).toBe('text/event-stream');
    expect(reply.headers['request-id']).toBe(reply.headers['x-request-id']);
    expect([...reply.text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name)).toEqual([
      'message_start',
      'ping',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  it('is cancelled when its client leaves', async () => {
    await using server = await startTestServer({
      script: async function* (_request, signal) {
        yield toTypedBatch([{ type: 'text-delta', text: 'Hello' }]);
        await aborted(signal);
        throw signal.reason;
      },
    });
    const { request, response } = await open(server.port, path, { body: message({ stream: true }) });
    response.on('error', () => {});
    request.destroy();
    const { signal } = await server.inference.asked();
    await aborted(signal);
    expect(signal.reason).toMatchObject({ code: 'client-gone' });
  });
});

describe('thinking', () => {
  const places = (capabilities: ('completion' | 'thinking')[]) => ({
    script: answer,
    nodes: [{ name: 'a', models: [{ name: 'tiny:latest', capabilities }] }],
  });

  it('is asked for, and of those who can', async () => {
    const { runs } = await ask(places(['completion', 'thinking']), { body: message({ thinking }) });
    expect(runs[0]?.facts.needs).toEqual(['completion', 'thinking']);
    expect(Buffer.from(runs[0]?.body ?? []).toString()).toContain('"enable_thinking":true');
  });

  it('is let go where nobody can', async () => {
    const { runs } = await ask(places(['completion']), { body: message({ thinking }) });
    expect(runs[0]?.facts.needs).toEqual(['completion']);
    expect(Buffer.from(runs[0]?.body ?? []).toString()).not.toContain('thinking');
  });
});

describe('errors have their form', () => {
  const failing = (error: ClusterError): TestServerOptions => ({
    // oxlint-disable-next-line require-yield -- an answer that is nothing but its failure
    script: async function* () {
      throw error;
    },
  });
  const overloaded = new ClusterError('overloaded', 'full', { details: { retryAfterMs: 2_000 } });

  it.each<[string, TestServerOptions, SendOptions, string, number, string]>([
    ['a bad request', {}, { body: message({ max_tokens: 'x' }) }, path, 400, 'invalid_request_error'],
    ['no JSON', {}, { body: '{' }, path, 400, 'invalid_request_error'],
    [
      'an unknown model',
      failing(new ClusterError('model-not-found', 'none')),
      { body: message() },
      path,
      404,
      'not_found_error',
    ],
    ['no room', failing(overloaded), { body: message() }, path, 503, 'overloaded_error'],
    ['a pause', failing(new ClusterError('rate-limited', 'slow')), { body: message() }, path, 429, 'rate_limit_error'],
    ['an unknown path', {}, { method: 'GET' }, `${path}/x`, 404, 'not_found_error'],
    ['a wrong method', {}, { method: 'GET' }, path, 405, 'invalid_request_error'],
    ['a method of the batches', {}, { method: 'GET' }, `${path}/batches`, 501, 'api_error'],
    ['a long body', { limits: { maxBodyBytes: 10 } }, { body: message() }, path, 413, 'request_too_large'],
    [
      'a foreign page',
      {},
      { body: message(), headers: { origin: 'https://evil.example' } },
      path,
      403,
      'permission_error',
    ],
    [
      'a wrong priority',
      {},
      { body: message(), headers: { 'x-waggle-priority': 'x' } },
      path,
      400,
      'invalid_request_error',
    ],
    ['a count of nothing', {}, { body: { model: 'tiny' } }, `${path}/count_tokens`, 400, 'invalid_request_error'],
    ['a count for nobody', {}, { body: message() }, `${path}/count_tokens`, 404, 'not_found_error'],
  ])('%s', async (_case, options, sent, target, status, type) => {
    const { reply } = await ask(options, sent, target);
    expect(reply.status).toBe(status);
    expect(reply.headers['request-id']).toBeTruthy();
    expect(reply.headers['request-id']).toBe(reply.headers['x-request-id']);
    expect(reply.json()).toEqual({
      type: 'error',
      error: { type, message: expect.stringMatching(/./) },
      request_id: reply.headers['request-id'],
    });
    if (status === 503) expect(reply.headers['retry-after']).toBe('2');
    if (status === 405) expect(reply.headers['allow']).toBe('POST');
  });

  it('in a stream that has begun', async () => {
    await using server = await startTestServer({
      script: async function* () {
        yield toTypedBatch([{ type: 'text-delta', text: 'Hello' }]);
        throw new ClusterError('engine-failed', 'cut');
      },
    });
    const { response } = await open(server.port, path, { body: message({ stream: true }) });
    const { text, headers } = await readReply(response);
    expect(text).toMatch(/event: error\ndata: [^\n]*\n\n$/);
    expect(text).toContain(
      `{"type":"error","error":{"type":"api_error","message":"cut"},"request_id":"${String(headers['request-id'])}"}`,
    );
  });
});

describe('beside the messages', () => {
  const nodes = ['a', 'b', 'c'].map((name) => ({ name, models: [{ name: `${name}:latest` }] }));
  const headers = { 'anthropic-version': '2023-06-01' };

  it('tokens are counted by estimate, and it says so', async () => {
    const { reply, runs } = await ask(
      { nodes },
      { body: { model: 'a', system: 'x'.repeat(400), messages: [{ role: 'user', content: 'hi' }] } },
      `${path}/count_tokens`,
    );
    expect(reply.headers['x-waggle-estimate']).toBe('true');
    expect(reply.json()).toEqual({ input_tokens: expect.any(Number) });
    expect((reply.json() as { input_tokens: number }).input_tokens).toBeGreaterThan(100);
    expect(runs).toEqual([]);
  });

  it('models are listed as Anthropic does for those who name its version, page by page', async () => {
    await using server = await startTestServer({ nodes });
    const get = async (target: string) => (await send(server.port, target, { method: 'GET', headers })).json();
    const all = (await get('/v1/models')) as { data: { id: string }[] };
    const ids = all.data.map(({ id }) => id);
    expect(ids.toSorted()).toEqual(['a:latest', 'b:latest', 'c:latest']);
    expect(all).toMatchObject({ has_more: false, first_id: ids[0], last_id: ids[2] });
    expect(all.data[0]).toMatchObject({ type: 'model', display_name: ids[0], created_at: expect.stringMatching(/Z$/) });
    expect(await get('/v1/models?limit=2')).toMatchObject({ data: all.data.slice(0, 2), has_more: true });
    expect(await get(`/v1/models?limit=2&after_id=${ids[1]}`)).toMatchObject({ data: [all.data[2]], has_more: false });
    expect(await get(`/v1/models?limit=1&before_id=${ids[2]}`)).toMatchObject({ data: [all.data[1]], has_more: true });
    expect(await get('/v1/models/a')).toMatchObject({ type: 'model', id: 'a' });
    expect(await get('/v1/models/x')).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
    expect(await get('/v1/models?limit=0')).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    const openai = await send(server.port, '/v1/models', { method: 'GET' });
    expect(openai.json()).toMatchObject({ object: 'list' });
    expect(openai.headers['request-id']).toBeUndefined();
  });
});
