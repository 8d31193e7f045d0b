import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { RealLlamaServer } from './engines/real-llama-server.ts';
import { findRealEngines } from './real-engines.ts';

const { weights = '' } = findRealEngines();

interface Told {
  readonly token: string;
  readonly logprob: number;
  readonly top_logprobs: readonly { readonly token: string; readonly logprob: number }[];
}

interface OllamaAnswer {
  readonly response: string;
  readonly message: { readonly role: string; readonly content: string };
  readonly done_reason: string;
  readonly prompt_eval_count: number;
  readonly prompt_eval_cached_count: number;
  readonly eval_count: number;
  readonly logprobs: readonly Told[];
}

interface ServerAnswer {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
  readonly completion_probabilities: readonly Told[];
}

/** Log probabilities of two builds of llama.cpp differ: activations are rounded to eight bits, and each kind of CPU adds them up in its own order. */
const tolerance = 0.3;

describe.skipIf(weights === '')('the built-in engine with trained weights', () => {
  let folder: string;
  let cluster: ProcessCluster;
  let server: RealLlamaServer | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'waggle-weights-'));
    await mkdir(path.join(folder, 'models'));
    await symlink(weights, path.join(folder, 'models/real.gguf'));
    server = await RealLlamaServer.serve(weights, process.env);
    const env = { OLLAMA_HOST: '127.0.0.1:9', OLLAMA_CONTEXT_LENGTH: '2048', OLLAMA_NUM_PARALLEL: '2' };
    cluster = await ProcessCluster.start({ agents: [{ name: 'desk', data: folder, env }] });
    await until(async () => JSON.stringify(await cluster.get('/api/tags')).includes('"real:latest"'), 60_000);
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function post<T>(url: string, body: object): Promise<T> {
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  function ask(route: 'chat' | 'generate', body: object, options: object = {}): Promise<OllamaAnswer> {
    const more = { temperature: 0, num_predict: 40, ...options };
    return post(`${cluster.url}/api/${route}`, { model: 'real', stream: false, ...body, options: more });
  }

  /** The server has an API of its own that takes a prompt as it is. */
  async function complete(prompt: string): Promise<readonly Told[]> {
    const body = { prompt, n_predict: 40, temperature: 0, n_probs: 2, cache_prompt: false };
    const url = new URL('/completion', server?.url).href;
    return (await post<ServerAnswer>(url, body)).completion_probabilities;
  }

  const user = (content: string) => ({ role: 'user', content });

  test('the same text each time at temperature 0, and with the same seed', async () => {
    for (const options of [{}, { temperature: 1, seed: 7 }]) {
      const body = { messages: [user('Tell me about rivers.')] };
      const [first, again] = [await ask('chat', body, options), await ask('chat', body, options)];
      expect(first.message.content).not.toBe('');
      expect(again.message.content).toBe(first.message.content);
    }
  });

  test('the tokens of llama-server, as long as its choice is clear, and their log probabilities', async ({ skip }) => {
    if (server === undefined) return skip();
    for (const prompt of ['Once upon a time', 'The capital of France is', 'One, two, three,']) {
      const { logprobs } = await ask('generate', { prompt, raw: true, logprobs: true, top_logprobs: 2 });
      const expected = await complete(prompt);
      for (const [index, { token, logprob, top_logprobs: top }] of expected.entries()) {
        const told = logprobs[index];
        if (index === 0) expect(told?.logprob).toBeCloseTo(logprob, 1);
        // Two tokens that are about as likely: which one it is, is chance.
        if ((top[0]?.logprob ?? 0) - (top[1]?.logprob ?? 0) < 2 * tolerance) break;
        expect(told?.token).toBe(token);
        expect(Math.abs((told?.logprob ?? 0) - logprob)).toBeLessThan(tolerance);
      }
    }
  });

  test('prompts by the template of the file have the tokens that llama-server counts', async ({ skip }) => {
    if (server === undefined) return skip();
    for (const messages of [
      [user('What is the capital of France?')],
      [
        { role: 'system', content: 'You are brief.' },
        user('Hi'),
        { role: 'assistant', content: 'Hello!' },
        user('Bye'),
      ],
    ]) {
      const { prompt_eval_count: count } = await ask('chat', { messages }, { num_predict: 1 });
      const { usage } = await post<ServerAnswer>(`${server.url}/chat/completions`, { messages, max_tokens: 1 });
      expect(count).toBe(usage.prompt_tokens);
    }
  });

  test('what a JSON schema allows, whatever the model would rather say', async () => {
    const format = {
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 20 },
        age: { type: 'integer', minimum: 1, maximum: 99 },
        color: { enum: ['red', 'green'] },
      },
      required: ['name', 'age', 'color'],
    };
    for (let seed = 1; seed <= 10; seed++) {
      const messages = [user(`Describe animal number ${seed}.`)];
      const options = { temperature: 1.2, seed, num_predict: 200 };
      const { message, done_reason: reason } = await ask('chat', { messages, format }, options);
      expect(reason).toBe('stop');
      const { name, age, color, ...rest } = JSON.parse(message.content) as Record<string, unknown>;
      expect([typeof name, Number.isInteger(age), rest]).toEqual(['string', true, {}]);
      expect(Number(age)).toBeGreaterThan(0);
      expect(Number(age)).toBeLessThan(100);
      expect(['red', 'green']).toContain(color);
    }
  });

  test('a conversation that goes on is not computed again', async () => {
    const messages = [user(`My name is Zed. ${'I like long walks in the park. '.repeat(20)}`)];
    const first = await ask('chat', { messages });
    const next = await ask('chat', { messages: [...messages, first.message, user('What else?')] });
    expect(next.prompt_eval_cached_count).toBeGreaterThanOrEqual(first.prompt_eval_count - 1);
  });

  test('several at once say what each says alone', async () => {
    const prompts = ['Tell me about the sun.', 'Tell me about the sea.', 'Tell me about snow.', 'Tell me about sand.'];
    const alone: string[] = [];
    for (const prompt of prompts) alone.push((await ask('generate', { prompt }, { num_predict: 12 })).response);
    const together = await Promise.all(prompts.map((prompt) => ask('generate', { prompt }, { num_predict: 12 })));
    expect(together.map(({ response }) => response)).toEqual(alone);
  });

  test('vectors are what a model for text does not have', async () => {
    await expect(post(`${cluster.url}/api/embed`, { model: 'real', input: 'a' })).rejects.toThrow(
      'does not support embeddings',
    );
  });
});
