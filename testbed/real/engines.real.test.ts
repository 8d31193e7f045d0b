import { createEngine } from '@waggle/node-agent/engines/create-engine.ts';
import type { Engine } from '@waggle/node-agent/engines/engine.ts';
import type { OperationName } from '@waggle/shared/cluster/operation.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { afterAll, describe, expect, test } from 'vitest';
import { type AskOptions, RecordedAnswer } from '../e2e/engines/recorded-answer.ts';
import { findRealEngines } from './real-engines.ts';
import { reportText, resultText, thoughtText, voiceText } from './spoken-texts.ts';

const { ollama, llamaServer } = findRealEngines();
const signal = () => AbortSignal.timeout(60_000);
const hello = [{ role: 'user', content: 'Hello there' }];
const tools = [
  {
    type: 'function',
    function: {
      name: 'get_temperature',
      description: 'temperature of a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
    },
  },
];

async function operate(engine: Engine, name: OperationName, body: object): Promise<{ status: number; text: string }> {
  const request = { operationId: 'o1', engineId: engine.identity.engineId, name, bodyJson: JSON.stringify(body) };
  let status = 0;
  const parts: Uint8Array[] = [];
  for await (const frame of engine.models.operate(request, nothing(), signal())) {
    if (frame.type === 'head') status = frame.status;
    else if (frame.type === 'chunk') parts.push(frame.bytes);
    else expect(frame.failure).toBeUndefined();
  }
  return { status, text: Buffer.concat(parts).toString('utf8') };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

describe.skipIf(ollama === undefined)('the engine in front of a real Ollama', () => {
  const engine = createEngine({
    engineId: 'e1',
    dialect: 'ollama',
    url: String(ollama),
    settings: {},
    clock: systemClock,
  });
  afterAll(() => engine.close());

  const ask = (model: string, more: Partial<AskOptions> = {}): RecordedAnswer => {
    const stream = more.stream ?? true;
    const body = { model, messages: hello, stream, ...more.body };
    return RecordedAnswer.ask(engine, {
      endpoint: 'ollama.chat',
      model: `${model}:latest`,
      answerModel: model,
      stream,
      pins: { numCtx: 2048, keepAliveSeconds: 300 },
      ...more,
      body,
    });
  };
  const find = async (name: string) => {
    const { models } = await engine.probe.survey(signal());
    return models.find((model) => model.name === name);
  };

  test('tells what there is', async () => {
    const survey = await engine.probe.survey(signal());
    expect(survey).toMatchObject({ kind: 'ollama', version: '0.34.2', slots: 3 });
    expect(await find('voice:latest')).toMatchObject({
      parallel: 1,
      contextLength: 8192,
      capabilities: ['completion', 'tools', 'insert'],
      parameterSize: '153K',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await find('thinker:latest'))?.capabilities).toContain('thinking');
    expect((await find('tiny-embed:latest'))?.capabilities).toEqual(['embedding']);
  });

  test('loads with the context it is told, shows it, and unloads', async () => {
    const command = { engineId: 'e1', model: 'voice:latest', pins: { numCtx: 1024, keepAliveSeconds: 60 } };
    await engine.models.load(command, signal());
    expect(await find('voice:latest')).toMatchObject({ state: 'hot', numCtx: 1024 });
    await engine.models.unload(command, signal());
    expect((await find('voice:latest'))?.state).toBe('cold');
    await engine.models.load({ engineId: 'e1', model: 'tiny-embed:latest', pins: {} }, signal());
    expect((await find('tiny-embed:latest'))?.state).toBe('hot');
    const absent = { engineId: 'e1', model: 'absent:latest', pins: {} };
    await expect(engine.models.load(absent, signal())).rejects.toMatchObject({ code: 'model-not-found' });
  });

  test('says what the model says, for both families and whole', async () => {
    const native = ask('voice');
    const end = await native.end;
    const lines = native.text.trimEnd().split('\n');
    const said = lines.map((line) => JSON.parse(line).message.content).join('');
    expect(said).toBe(voiceText);
    expect(new Set(lines.map((line) => JSON.parse(line).model))).toEqual(new Set(['voice']));
    expect(end.usage?.completionTokens).toBeGreaterThan(10);
    expect(end.timings?.decodeMs).toBeGreaterThan(0);
    for (const stream of [true, false]) {
      const foreign = ask('voice', { endpoint: 'openai.chat', stream });
      expect((await foreign.end).outcome).toBe('done');
      expect(foreign.said).toBe(voiceText);
    }
  });

  test('a client’s own context does not make it load again', async () => {
    await ask('voice').end;
    for (const options of [{ num_ctx: 512 }, {}, { num_ctx: 4096 }]) {
      await ask('voice', { body: { options } }).end;
      expect((await find('voice:latest'))?.numCtx).toBe(2048);
    }
  });

  test('thinks and calls tools', async () => {
    const thinking = ask('thinker', {
      endpoint: 'openai.chat',
      body: { messages: [{ role: 'user', content: 'What is 7 times 6 minus 2?' }] },
    });
    await thinking.end;
    const thought = thinking.events.map((event) => (event.type === 'thinking-delta' ? event.text : '')).join('');
    expect(thought).toBe(thoughtText);
    expect(thinking.said).toBe(resultText);
    const asking = ask('voice', { endpoint: 'openai.chat', body: { tools } });
    await asking.end;
    const call = asking.events.find((event) => event.type === 'tool-call')?.call;
    expect(call?.name).toBe('get_temperature');
    const history = [
      ...hello,
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: call?.name, arguments: call?.arguments } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: '18 degrees' },
    ];
    const reporting = ask('voice', { endpoint: 'openai.chat', body: { messages: history, tools } });
    await reporting.end;
    expect(reporting.said).toBe(reportText);
  });

  test('embeds for both families', async () => {
    const body = { input: ['one', 'two'], messages: undefined, stream: undefined };
    const native = ask('tiny-embed', { endpoint: 'ollama.embed', stream: false, body });
    await native.end;
    expect(JSON.parse(native.text).embeddings).toHaveLength(2);
    const foreign = ask('tiny-embed', { endpoint: 'openai.embeddings', stream: false, body });
    await foreign.end;
    const vectors = foreign.events.find((event) => event.type === 'embeddings')?.vectors;
    expect(vectors?.map((vector) => vector.length)).toEqual([64, 64]);
  });

  test('stops at once when it is cancelled', async () => {
    const endless = ask('endless');
    await endless.begun;
    endless.cancel();
    expect(await endless.end).toEqual({ outcome: 'cancelled' });
    // With one request at a time this one would wait for ever behind it.
    expect((await ask('endless', { body: { options: { num_predict: 3 } } }).end).outcome).toBe('done');
  });

  test('work on models', async () => {
    expect(JSON.parse((await operate(engine, 'show', { model: 'voice' })).text)).toHaveProperty('model_info');
    expect((await operate(engine, 'copy', { source: 'voice', destination: 'voice-copy' })).status).toBe(200);
    expect(await find('voice-copy:latest')).toMatchObject({ digest: (await find('voice:latest'))?.digest });
    expect((await operate(engine, 'delete', { model: 'voice-copy' })).status).toBe(200);
    expect(await find('voice-copy:latest')).toBeUndefined();
    const missing = await operate(engine, 'show', { model: 'absent' });
    expect(missing).toEqual({ status: 404, text: expect.stringContaining('not found') });
    const digest = `sha256:${'0'.repeat(64)}`;
    expect((await operate(engine, 'blob-head', { digest })).status).toBe(404);
  });
});

test.skipIf(ollama === undefined)('a real Ollama that is named by its /v1 is driven by its /api', async () => {
  const url = `${ollama}/v1`;
  const engine = createEngine({ engineId: 'e1', dialect: 'openai', url, settings: {}, clock: systemClock });
  expect((await engine.probe.survey(signal())).kind).toBe('ollama');
  expect(engine.identity).toMatchObject({ dialect: 'ollama', url: ollama });
  await engine.close();
});

describe.skipIf(llamaServer === undefined)('the engine in front of a real llama-server', () => {
  const url = String(llamaServer);
  const engine = createEngine({ engineId: 'e1', dialect: 'openai', url, settings: {}, clock: systemClock });
  afterAll(() => engine.close());

  const ask = (more: Partial<AskOptions> = {}): RecordedAnswer => {
    const stream = more.stream ?? true;
    const body = { model: 'llama-voice', messages: hello, stream, ...more.body };
    return RecordedAnswer.ask(engine, { endpoint: 'openai.chat', model: 'llama-voice', stream, ...more, body });
  };

  test('tells what there is', async () => {
    const survey = await engine.probe.survey(signal());
    expect(survey.kind).toBe('llama-server');
    expect(survey.slots).toBeGreaterThan(0);
    expect(survey.runningJobs).toBe(0);
    const [model] = survey.models;
    expect(model).toMatchObject({ name: 'llama-voice', state: 'hot', parallel: survey.slots });
    expect(model?.numCtx).toBeGreaterThan(0);
    expect(model?.contextLength).toBeGreaterThanOrEqual(model?.numCtx ?? 0);
  });

  test('says what the model says, for both families and whole', async () => {
    const native = ask();
    const end = await native.end;
    const chunks = native.text.split('\n\n').filter((event) => event.startsWith('data: {'));
    const said = chunks
      .map((event) => JSON.parse(event.slice('data: '.length)).choices[0]?.delta.content ?? '')
      .join('');
    expect(said.trim()).toBe(voiceText);
    // The token counts were asked for by the node alone.
    expect(native.text).not.toContain('"usage":{');
    expect(native.text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(end.usage?.completionTokens).toBeGreaterThan(10);
    expect(end.timings?.prefillMs).toBeGreaterThan(0);
    for (const stream of [true, false]) {
      const foreign = ask({ endpoint: 'ollama.chat', stream });
      expect((await foreign.end).outcome).toBe('done');
      expect(foreign.said.trim()).toBe(voiceText);
    }
  });

  test('shows that it stopped when it was cancelled', async () => {
    const body = { max_tokens: 2_000, ignore_eos: true };
    const answer = ask({ body });
    await answer.begun;
    answer.cancel();
    expect(await answer.end).toEqual({ outcome: 'cancelled' });
    expect((await engine.probe.survey(signal())).runningJobs).toBe(0);
  });

  test('refuses in words what it cannot do with its models', async () => {
    const request = { operationId: 'o1', engineId: 'e1', name: 'pull', bodyJson: '{"model":"x"}' } as const;
    for await (const frame of engine.models.operate(request, nothing(), signal())) {
      expect(frame).toMatchObject({
        type: 'end',
        failure: { code: 'unsupported', message: expect.stringContaining('llama-server') },
      });
    }
  });
});
