import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EngineCluster } from './engine-cluster.ts';
import { postChat } from './post-chat.ts';

const answer = { kind: 'words', count: 12 } as const;
const models = [
  { name: 'plain', answer },
  { name: 'wanted', answer },
  { name: 'embedder', embeddingLength: 8 },
] as const;
const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }];
const images = [Buffer.from('an image').toString('base64')];
const messages = [{ role: 'user', content: 'Hello' }];

let clients: EngineCluster;

beforeAll(async () => {
  // Room for one model, so that each load is an eviction.
  clients = await EngineCluster.start({ desk: { ollama: { models, maxLoadedModels: 1 } } });
});
afterAll(() => clients?.[Symbol.asyncDispose]());
beforeEach(() => clients.engine('desk').control.heal());

const post = (path: string, body: object) =>
  fetch(`${clients.url}${path}`, { method: 'POST', body: JSON.stringify(body) });

describe('what no model can do', () => {
  it.each<[string, string, object, number, string]>([
    ['tools', '/api/chat', { model: 'plain', messages, tools }, 400, 'does not support tools'],
    ['thinking', '/api/generate', { model: 'plain', prompt: 'a', think: true }, 400, 'does not support thinking'],
    ['an image', '/api/chat', { model: 'plain', messages: [{ ...messages[0], images }] }, 400, 'multimodal'],
    ['an embedding', '/api/embed', { model: 'plain', input: 'a' }, 501, 'does not support embeddings'],
    ['a chat', '/api/chat', { model: 'embedder', messages }, 400, 'does not support chat'],
    ['tools of OpenAI', '/v1/chat/completions', { model: 'plain', messages, tools }, 400, 'does not support tools'],
    ['a load for a chat', '/api/chat', { model: 'embedder', messages: [] }, 400, 'does not support chat'],
  ])('is refused without a load: %s', async (_, path, body, status, words) => {
    const { control } = clients.engine('desk');
    expect((await postChat(clients.url, { model: 'wanted' })).status).toBe(200);
    const before = control.state.models;
    const refusal = await post(path, body);
    expect([refusal.status, await refusal.text()]).toEqual([status, expect.stringContaining(words)]);
    const loads = (state: typeof before) => Object.values(state).map((model) => model.loads);
    expect(loads(control.state.models)).toEqual(loads(before));
    expect(control.state.models['wanted:latest']?.resident).toBe(true);
  });
});

describe('an engine that asks for a long pause', () => {
  it('is not waited for: the client hears at once when to come again', async () => {
    expect((await postChat(clients.url, { model: 'wanted' })).status).toBe(200);
    const body = '{"error":"too many requests"}';
    clients.engine('desk').control.inject({ kind: 'status', status: 429, retryAfter: 40, body });
    for (const wait of [40, 39]) {
      const refusal = await postChat(clients.url, { model: 'wanted' }, { 'x-waggle-deadline-ms': '30000' });
      expect([refusal.status, refusal.json()]).toEqual([429, { error: 'too many requests' }]);
      const seconds = Number(refusal.headers['retry-after']);
      expect(seconds > wait - 10 && seconds <= 40).toBe(true);
    }
  });
});
