import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../src/cluster/collect.ts';
import type { ProcessCluster } from '../src/cluster/process-cluster.ts';
import { askEndlessDirectly, hasRealEngines, startRealCluster } from './real-cluster.ts';
import { reportText, resultText, thoughtText, voiceText } from './spoken-texts.ts';

const input = 'Hello there';
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const thermometer: OpenAI.Responses.FunctionTool = {
  type: 'function',
  name: 'get_temperature',
  description: 'Temperature of a city',
  strict: null,
  parameters: { type: 'object', properties: { city: { type: 'string', description: 'Its name' } } },
};

let cluster: ProcessCluster;
let openai: OpenAI;

beforeAll(async () => {
  if (!hasRealEngines()) return;
  cluster = await startRealCluster();
  openai = new OpenAI({ baseURL: `${cluster.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe.skipIf(!hasRealEngines()).each([
  { engine: 'Ollama', model: 'voice' },
  { engine: 'llama-server', model: 'llama-voice' },
])('npm openai, responses, in front of $engine', ({ model }) => {
  it('answers, whole and streamed', async () => {
    const whole = await openai.responses.create({ model, input });
    expect(whole).toMatchObject({ model, status: 'completed', output_text: voiceText });
    expect(whole.usage?.output_tokens).toBeGreaterThan(20);
    const events = await collect(await openai.responses.create({ model, input, stream: true }));
    const deltas = events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''));
    expect(deltas.join('')).toBe(voiceText);
    expect(deltas.filter((delta) => delta !== '').length).toBeGreaterThan(10);
    expect(events.at(-1)).toMatchObject({
      type: 'response.completed',
      response: { usage: { total_tokens: whole.usage?.total_tokens } },
    });
    expect((await openai.responses.stream({ model, input }).finalResponse()).output_text).toBe(voiceText);
  });

  it('stops at its bound, incomplete', async () => {
    const short = await openai.responses.create({ model, input, max_output_tokens: 3 });
    expect(short).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output_text: 'Bees tell each',
    });
  });

  it('answers by a schema', async () => {
    const answer = await openai.responses.parse({
      model,
      input,
      max_output_tokens: 64,
      text: { format: { type: 'json_schema', name: 'place', schema } },
    });
    expect(answer.output_parsed).toEqual({ city: expect.any(String) });
  });
});

describe.skipIf(!hasRealEngines())('npm openai, responses, in front of a real Ollama', () => {
  it('runs a loop of tools, streamed, going on from the response before', async () => {
    let next: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'How warm is it in Lisbon?' }];
    let previous: string | null = null;
    const asked: unknown[] = [];
    for (;;) {
      const response: OpenAI.Responses.Response = await openai.responses
        .stream({ model: 'voice', input: next, tools: [thermometer], previous_response_id: previous })
        .finalResponse();
      const calls = response.output.filter((item) => item.type === 'function_call');
      if (calls.length === 0) {
        expect(response.output_text).toBe(reportText);
        break;
      }
      asked.push(...calls.map((call) => JSON.parse(call.arguments) as unknown));
      next = calls.map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: '18 degrees' }));
      previous = response.id;
    }
    expect(asked).toEqual([{ city: 'Lisbon' }]);
  });

  it('thinks first, and not where it is told not to', async () => {
    const thought = [
      { type: 'reasoning', content: [{ type: 'reasoning_text', text: thoughtText }] },
      { type: 'message', content: [{ type: 'output_text', text: resultText }] },
    ];
    const request = { model: 'thinker', input, reasoning: { effort: 'high' as const } };
    expect((await openai.responses.create(request)).output).toMatchObject(thought);
    expect((await openai.responses.stream(request).finalResponse()).output).toMatchObject(thought);
    const off = await openai.responses.create({ ...request, reasoning: { effort: 'none' } });
    expect(off.output.map(({ type }) => type)).toEqual(['message']);
    // One that cannot think is not refused for the wish.
    const plain = await openai.responses.create({ ...request, model: 'voice' });
    expect(plain).toMatchObject({ output_text: voiceText, reasoning: { effort: null } });
  });

  it('stops the engine when a client leaves', async () => {
    const stream = await openai.responses.create({ model: 'endless', input, stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
    expect(await askEndlessDirectly()).toBe(200);
  });
});
