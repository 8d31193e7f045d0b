import type { Engine } from '@waggle/node-agent/engines/engine.ts';
import { EngineProblem } from '@waggle/node-agent/engines/engine-problem.ts';
import { batchKind } from '@waggle/shared/chat/answer-batch.ts';
import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { afterEach, describe, expect, test } from 'vitest';
import type { ScriptedEngine } from '../../src/engines/scripted-engine.ts';
import type { ScriptedModel } from '../../src/engines/scripted-model.ts';
import { type AskOptions, RecordedAnswer } from './recorded-answer.ts';

/** An implementation of the Engine port in front of a scripted server of its kind. */
export interface EngineUnderTest {
  readonly kind: string;
  /** A server with these models, and the engine that drives it. */
  start(models: readonly ScriptedModel[]): Promise<{ readonly server: ScriptedEngine; readonly engine: Engine }>;
  /** The engine's name of a scripted model. */
  toName(model: string): string;
  /** Chat calls of the engine's own family, and of the other. */
  readonly native: EndpointName;
  readonly foreign: EndpointName;
  readonly nativeEmbedding: EndpointName;
  readonly foreignEmbedding: EndpointName;
  /** Text of an answer in the engine's own bytes, and the names it calls its model. */
  readAnswer(text: string): { readonly said: string; readonly models: readonly string[] };
}

const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(' ');

const talker: ScriptedModel = { name: 'talker', answer: { kind: 'words', count: 40 } };
const endless: ScriptedModel = { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 2 };
const caller: ScriptedModel = { name: 'caller', toolCall: { name: 'look_up', arguments: { city: 'Oslo', days: 2 } } };
const embedder: ScriptedModel = { name: 'embedder', embeddingLength: 8 };

const messages = [{ role: 'user', content: 'hello there' }];
const tools = [
  {
    type: 'function',
    function: {
      name: 'look_up',
      description: 'x',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
    },
  },
];

/** What every engine does, whichever server it drives. */
export function describeEngineContract(under: EngineUnderTest): void {
  describe(`an engine in front of ${under.kind}`, () => {
    let server: ScriptedEngine;
    let engine: Engine;

    const start = async (...models: ScriptedModel[]) => {
      ({ server, engine } = await under.start(models));
      await engine.probe.survey(AbortSignal.timeout(5_000));
    };
    const ask = (model: string, more: Partial<AskOptions> = {}): RecordedAnswer => {
      const stream = more.stream ?? true;
      const body = { model, messages, stream, ...more.body };
      return RecordedAnswer.ask(engine, { endpoint: under.native, model: under.toName(model), stream, ...more, body });
    };

    afterEach(async () => {
      await engine.close();
      await server[Symbol.asyncDispose]();
    });

    test('tells its models and slots', async () => {
      await start(talker, embedder);
      const survey = await engine.probe.survey(AbortSignal.timeout(5_000));
      expect(survey.kind).toBe(under.kind);
      expect(survey.slots).toBeGreaterThan(0);
      const model = survey.models.find(({ name }) => name === under.toName('talker'));
      expect(model?.digest).toMatch(/^[0-9a-f]{64}$/);
      expect(JSON.parse(model?.tagJson ?? '')).toMatchObject({ name: under.toName('talker'), digest: model?.digest });
    });

    test('streams the engine’s own bytes, and ends once', async () => {
      await start(talker);
      const answer = ask('talker');
      const end = await answer.end;
      expect(under.readAnswer(answer.text).said.trim()).toBe(words(40));
      expect(end.outcome).toBe('done');
      expect(end.usage?.completionTokens).toBe(40);
      expect(end.usage?.promptTokens).toBeGreaterThan(0);
      expect(end.timings?.totalMs).toBeGreaterThan(0);
      expect(answer.ends).toHaveLength(1);
      const kinds = answer.batches.map((batch) => batch.kinds & batchKind.end);
      expect(kinds.filter((kind) => kind !== 0)).toHaveLength(1);
      expect(kinds.at(-1)).toBe(batchKind.end);
    });

    test('gives a whole answer as one body', async () => {
      await start(talker);
      const answer = ask('talker', { stream: false });
      const end = await answer.end;
      expect(answer.batches).toHaveLength(1);
      expect(under.readAnswer(answer.text).said.trim()).toBe(words(40));
      expect(end.usage?.completionTokens).toBe(40);
    });

    test('names the model as the client wrote it', async () => {
      await start(talker);
      const answer = ask('talker', { answerModel: 'my-alias' });
      await answer.end;
      expect(new Set(under.readAnswer(answer.text).models)).toEqual(new Set(['my-alias']));
      expect(server.requests.all.at(-1)?.model).toBe(under.toName('talker'));
    });

    test('answers a client of the other family in typed events', async () => {
      await start(talker);
      const answer = ask('talker', { endpoint: under.foreign });
      const end = await answer.end;
      expect(answer.said.trim()).toBe(words(40));
      expect(answer.events.at(-1)).toMatchObject({ type: 'response-end', finishReason: 'stop' });
      expect(end.usage?.completionTokens).toBe(40);
    });

    test('answers in typed events where they are asked for', async () => {
      await start(talker);
      for (const stream of [true, false]) {
        const answer = ask('talker', { answer: 'events', stream });
        await answer.end;
        expect(answer.said.trim()).toBe(words(40));
        expect(answer.events.filter(({ type }) => type === 'response-end')).toHaveLength(1);
      }
    });

    test('passes tool calls on, joined for the other family', async () => {
      await start(caller);
      const own = ask('caller', { body: { tools } });
      await own.end;
      expect(own.text).toContain('look_up');
      const other = ask('caller', { endpoint: under.foreign, body: { tools } });
      await other.end;
      const call = other.events.find((event) => event.type === 'tool-call');
      expect(call?.call.name).toBe('look_up');
      expect(JSON.parse(call?.call.arguments ?? '')).toEqual({ city: 'Oslo', days: 2 });
    });

    test('embeds, for both families', async () => {
      await start(embedder);
      const body = { input: ['one', 'two'], messages: undefined };
      const own = ask('embedder', { endpoint: under.nativeEmbedding, stream: false, body });
      expect((await own.end).outcome).toBe('done');
      expect(own.batches[0]?.kinds).toBe(batchKind.embeddings | batchKind.end);
      const other = ask('embedder', { endpoint: under.foreignEmbedding, stream: false, body });
      await other.end;
      const vectors = other.events.find((event) => event.type === 'embeddings')?.vectors;
      expect(vectors?.map((vector) => vector.length)).toEqual([8, 8]);
    });

    test('stops the engine when a stream is cancelled', async () => {
      await start(endless);
      const answer = ask('endless');
      await answer.begun;
      answer.cancel();
      const end = await answer.end;
      expect(end.outcome).toBe('cancelled');
      await server.waitFor(({ outcome }) => outcome === 'client-gone');
      answer.cancel();
      expect(answer.ends).toHaveLength(1);
    });

    test('stops the engine before it answered anything', async () => {
      await start(talker);
      server.control.inject({ kind: 'hang' });
      const asked = server.requests.nextRequest();
      const answer = ask('talker');
      await asked;
      answer.cancel();
      expect((await answer.end).outcome).toBe('cancelled');
      await server.waitFor(({ outcome }) => outcome === 'client-gone');
    });

    test('is fit again at once after sixteen were cancelled together', async () => {
      const either: ScriptedModel = {
        ...endless,
        name: 'either',
        answer: ({ text }) => (text === 'go on' ? { kind: 'endless' } : { kind: 'words', count: 4 }),
      };
      await start(either);
      const goOn = { messages: [{ role: 'user', content: 'go on' }] };
      const answers = Array.from({ length: 16 }, () => ask('either', { body: goOn }));
      await Promise.all(answers.map(({ begun }) => begun));
      for (const answer of answers) answer.cancel();
      const after = Array.from({ length: 16 }, () => ask('either'));
      const ends = await Promise.all([...answers, ...after].map(({ end }) => end));
      expect(ends.map(({ outcome }) => outcome)).toEqual([...Array(16).fill('cancelled'), ...Array(16).fill('done')]);
    });

    test('reads no further than it is allowed to', async () => {
      const big = { kind: 'text', text: `${'x'.repeat(200_000)} `.repeat(40) } as const;
      await start({ name: 'big', answer: big });
      const answer = ask('big', { take: () => false });
      await answer.begun;
      const seen: number[] = [];
      const over = { now: false };
      const end = answer.end.then((value) => {
        over.now = true;
        return value;
      });
      while (!over.now) {
        const before = answer.batches.length;
        seen.push(before);
        answer.resume();
        await new Promise<void>((resolve) => setImmediate(resolve));
        expect(answer.batches.length - before).toBeLessThanOrEqual(1);
      }
      expect((await end).outcome).toBe('done');
      expect(seen.length).toBeGreaterThan(10);
      expect(under.readAnswer(answer.text).said.length).toBeGreaterThanOrEqual(big.text.length - 1);
    });

    test.each([
      ['500', { kind: 'status', status: 500 }, { cause: 'engine', engineStatus: 500 }],
      ['429', { kind: 'status', status: 429, retryAfter: 7 }, { cause: 'rate-limited', retryAfterMs: 7_000 }],
      ['401', { kind: 'status', status: 401 }, { cause: 'auth' }],
      ['403', { kind: 'status', status: 403 }, { cause: 'forbidden', engineStatus: 403 }],
      ['403 without a word', { kind: 'status', status: 403, body: '' }, { cause: 'auth' }],
      ['a cut', { kind: 'cut', afterDeltas: 3 }, { cause: 'engine' }],
      ['a reset', { kind: 'cut', afterDeltas: 3, reset: true }, { cause: 'engine' }],
      ['a reset before the first byte', { kind: 'cut', afterDeltas: 0, reset: true }, { cause: 'engine' }],
      ['a malformed line', { kind: 'malformed', atDelta: 3 }, { cause: 'engine' }],
      ['a silent end', { kind: 'silent-end', afterDeltas: 3 }, { cause: 'engine' }],
      ['an error event', { kind: 'error-event', afterDeltas: 3, message: 'out of bees' }, { cause: 'engine' }],
    ] as const)('says what %s means', async (_name, fault, failure) => {
      await start(talker);
      for (const endpoint of [under.native, under.foreign]) {
        // Not once: a kept connection that breaks before the first byte is taken for a stale one, and asked again.
        server.control.inject(fault);
        const answer = ask('talker', { endpoint });
        const end = await answer.end;
        await server.control.heal();
        expect(end).toMatchObject({ outcome: 'failed', failure });
        expect(answer.ends).toHaveLength(1);
        if (fault.kind === 'error-event') expect(end.failure?.message).toContain('out of bees');
        expect(answer.text).not.toContain('out of bees');
      }
      // Nothing of it is left behind.
      expect((await ask('talker').end).outcome).toBe('done');
    });

    test('an engine that refuses connections is unreachable, and back when it listens again', async () => {
      await start(talker);
      await server.control.refuse();
      expect((await ask('talker').end).failure).toMatchObject({ cause: 'unreachable', code: 'engine-unreachable' });
      await expect(engine.probe.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject({ kind: 'refused' });
      await server.control.heal();
      await engine.probe.survey(AbortSignal.timeout(5_000));
      expect((await ask('talker').end).outcome).toBe('done');
    });

    test('a kept connection that the engine closed costs no request', async () => {
      await start(talker);
      expect((await ask('talker').end).outcome).toBe('done');
      await server.control.refuse();
      await server.control.heal();
      expect((await ask('talker').end).outcome).toBe('done');
    });

    test('a model that is not there is the request’s own fault', async () => {
      await start(talker);
      const answer = ask('absent');
      const end = await answer.end;
      if (under.kind === 'llama-server') expect(end.outcome).toBe('done');
      else expect(end.failure).toMatchObject({ cause: 'request', code: 'model-not-found' });
    });

    test('what is no JSON is refused before it reaches the engine', async () => {
      await start(talker);
      const asked = server.requests.counters.started;
      const answer = RecordedAnswer.ask(engine, {
        endpoint: under.foreign,
        model: under.toName('talker'),
        body: { toJSON: () => 'no object' },
      });
      expect((await answer.end).failure).toMatchObject({ cause: 'request', code: 'bad-request' });
      expect(server.requests.counters.started).toBe(asked);
    });

    test('shows a model', async () => {
      await start(talker);
      const parts: string[] = [];
      let status = 0;
      const request = {
        operationId: 'o1',
        engineId: engine.identity.engineId,
        name: 'show',
        bodyJson: JSON.stringify({ model: under.toName('talker') }),
      } as const;
      for await (const frame of engine.models.operate(request, nothing(), AbortSignal.timeout(5_000))) {
        if (frame.type === 'head') status = frame.status;
        else if (frame.type === 'chunk') parts.push(Buffer.from(frame.bytes).toString('utf8'));
        else expect(frame.failure).toBeUndefined();
      }
      expect(status).toBe(200);
      expect(JSON.parse(parts.join(''))).toHaveProperty('model_info');
    });

    test('loads and unloads without an error', async () => {
      await start(talker);
      const command = { engineId: engine.identity.engineId, model: under.toName('talker'), pins: {} };
      await engine.models.load(command, AbortSignal.timeout(5_000));
      const loaded = await engine.probe.survey(AbortSignal.timeout(5_000));
      expect(loaded.models.find(({ name }) => name === command.model)).toMatchObject({ state: 'hot' });
      await engine.models.unload(command, AbortSignal.timeout(5_000));
    });

    test('a load of an engine that is gone is an error with a code', async () => {
      await start(talker);
      await engine.models.load({ engineId: 'e', model: under.toName('talker'), pins: {} }, AbortSignal.timeout(5_000));
      await server.control.refuse();
      if (under.kind === 'vllm' || under.kind === 'llama-server') return;
      const command = { engineId: engine.identity.engineId, model: under.toName('talker'), pins: {} };
      const failed = await engine.models.load(command, AbortSignal.timeout(5_000)).catch((thrown: unknown) => thrown);
      expect(failed).toBeInstanceOf(ClusterError);
      expect(failed).toMatchObject({ code: 'engine-unreachable' });
    });

    test('a question that is given up ends with it', async () => {
      await start(talker);
      const gone = engine.probe.survey(AbortSignal.abort());
      await expect(gone).rejects.toBeInstanceOf(EngineProblem);
    });
  });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
