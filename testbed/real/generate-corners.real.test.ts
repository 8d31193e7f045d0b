import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessCluster } from '../src/cluster/process-cluster.ts';
import { longText } from './call-parts.ts';
import { ollamaEnv } from './engines/real-ollama.ts';
import { findRealEngines } from './real-engines.ts';
import { voiceText } from './spoken-texts.ts';

const { secondOllama, llamaServer } = findRealEngines();

interface Generated {
  readonly error?: string;
  readonly response: string;
  readonly done_reason: string;
  readonly context: readonly number[];
  readonly logprobs: readonly {
    readonly token: string;
    readonly logprob: number;
    readonly top_logprobs?: readonly object[];
  }[];
}

/** What one family has and the other has not: done, or refused by name; never left out. */
describe.skipIf(secondOllama === undefined || llamaServer === undefined)('corners of /api/generate', () => {
  let cluster: ProcessCluster;

  beforeAll(async () => {
    cluster = await ProcessCluster.start({
      agents: [
        { name: 'desk', engineUrl: String(secondOllama), env: ollamaEnv },
        { name: 'rack', engineUrl: String(llamaServer) },
      ],
    });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  async function post(path: string, body: object): Promise<{ status: number; answer: unknown }> {
    const response = await fetch(`${cluster.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    return { status: response.status, answer: await response.json() };
  }
  const steady = { temperature: 0, seed: 1 };
  const generate = async (body: object) => {
    const whole = { prompt: 'Hello', stream: false, options: { ...steady, num_predict: 60 }, ...body };
    const { status, answer } = await post('/api/generate', whole);
    return { status, answer: answer as Generated };
  };

  it('a suffix reaches the template; llama-server would overlook it', async () => {
    expect(await generate({ model: 'voice', suffix: 'end' })).toMatchObject({ status: 200 });
    const refused = { status: 400, answer: { error: expect.stringContaining('suffix') } };
    expect(await generate({ model: 'llama-voice', suffix: 'end' })).toMatchObject(refused);
    const completion = await post('/v1/completions', {
      model: 'llama-voice',
      prompt: 'Hello',
      suffix: 'end',
    });
    expect(completion).toMatchObject({
      status: 400,
      answer: { error: { message: expect.stringContaining('suffix') } },
    });
  });

  it('the context of an answer goes into the next', async () => {
    const { answer } = await generate({ model: 'voice' });
    expect(answer.response).toContain(voiceText.slice(0, 40));
    expect(answer.context.length).toBeGreaterThan(5);
    const next = await generate({ model: 'voice', context: answer.context });
    expect(next.status).toBe(200);
    expect(next.answer.context.length).toBeGreaterThan(answer.context.length);
    const refused = { status: 400, answer: { error: expect.stringContaining('context') } };
    expect(await generate({ model: 'llama-voice', context: answer.context })).toMatchObject(refused);
  });

  it.each([['voice'], ['llama-voice']])('log probabilities of %s', async (model) => {
    const { status, answer } = await generate({ model, logprobs: true, top_logprobs: 2 });
    expect(status).toBe(200);
    expect(answer.logprobs.length).toBeGreaterThan(5);
    expect(answer.logprobs.map(({ token }) => token).join('')).toContain(voiceText.slice(0, 40));
    for (const { logprob, top_logprobs } of answer.logprobs) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top_logprobs?.length).toBe(2);
    }
    const { answer: chat } = await post('/api/chat', {
      model,
      messages: [{ role: 'user', content: 'Hello' }],
      stream: false,
      logprobs: true,
      options: { ...steady, num_predict: 3 },
    });
    expect((chat as Generated).logprobs).toHaveLength(3);
  });

  it.each([['voice'], ['llama-voice']])('what is too long for %s and not to be cut is refused', async (model) => {
    const { status, answer } = await generate({ model, prompt: longText, truncate: false });
    expect([status, answer.error]).toEqual([400, expect.stringMatching(/context/)]);
  });

  it('a context that moves on is Ollama’s alone', async () => {
    for (const shift of [true, false]) expect((await generate({ model: 'voice', shift })).status).toBe(200);
    expect((await generate({ model: 'llama-voice', shift: false })).status).toBe(200);
    const refused = { status: 400, answer: { error: expect.stringContaining('shift') } };
    expect(await generate({ model: 'llama-voice', shift: true })).toMatchObject(refused);
  });

  it('show has everything where it is asked to', async () => {
    type Shown = { readonly model_info: Readonly<Record<string, unknown>>; readonly tensors: readonly object[] };
    const shown = (await post('/api/show', { model: 'voice', verbose: true })).answer as Shown;
    expect((shown.model_info['tokenizer.ggml.tokens'] as readonly string[]).length).toBeGreaterThan(100);
    expect(shown.tensors.length).toBeGreaterThan(5);
    expect((await post('/api/show', { model: 'llama-voice', verbose: true })).answer).toHaveProperty('model_info');
  });
});
