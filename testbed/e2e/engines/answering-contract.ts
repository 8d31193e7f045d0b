import type { Engine } from '@waggle/node-agent/engines/engine.ts';
import { batchKind } from '@waggle/shared/chat/answer-batch.ts';
import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import { afterEach, describe, expect, test } from 'vitest';
import type { ScriptedModel } from '../../src/engines/scripted-model.ts';
import { type AskOptions, RecordedAnswer } from './recorded-answer.ts';

/** An implementation of the Engine port that has scripted models. */
export interface AnsweringEngine {
  readonly kind: string;
  /** The engine with these models; what it is in front of ends with it. */
  start(models: readonly ScriptedModel[]): Promise<{ readonly engine: Engine; readonly close: () => Promise<void> }>;
  /** The engine's name of a scripted model. */
  toName(model: string): string;
  /** Chat calls of the engine's own family, and of the other. */
  readonly native: EndpointName;
  readonly foreign: EndpointName;
  /** Where the token that ends an answer is one that counts. */
  readonly endTokens?: 1;
  readonly nativeEmbedding: EndpointName;
  readonly foreignEmbedding: EndpointName;
  /** Text of an answer in the engine's own form, and the names it calls its model. */
  readAnswer(answer: RecordedAnswer): { readonly said: string; readonly models: readonly string[] };
}

export const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(' ');

export const talker: ScriptedModel = { name: 'talker', answer: { kind: 'words', count: 40 } };
export const endless: ScriptedModel = { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 2 };
export const caller: ScriptedModel = {
  name: 'caller',
  toolCall: { name: 'look_up', arguments: { city: 'Oslo', days: 2 } },
};
const embedder: ScriptedModel = { name: 'embedder', embeddingLength: 64 };

export const messages = [{ role: 'user', content: 'hello there' }];
export const tools = [
  {
    type: 'function',
    function: {
      name: 'look_up',
      description: 'x',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
    },
  },
];

/** What every engine does, whether there is a server behind it or not. */
export function describeAnswering(under: AnsweringEngine): void {
  describe(`${under.kind} answers`, { timeout: 60_000 }, () => {
    let engine: Engine;
    let close: () => Promise<void>;

    const start = async (...models: ScriptedModel[]) => {
      ({ engine, close } = await under.start(models));
      await engine.probe.survey(AbortSignal.timeout(5_000));
    };
    const ask = (model: string, more: Partial<AskOptions> = {}): RecordedAnswer => {
      const stream = more.stream ?? true;
      const body = { model, messages, stream, ...more.body };
      return RecordedAnswer.ask(engine, { endpoint: under.native, model: under.toName(model), stream, ...more, body });
    };

    afterEach(() => close());

    test('tells its models and slots', async () => {
      await start(talker, embedder);
      const survey = await engine.probe.survey(AbortSignal.timeout(5_000));
      expect(survey.kind).toBe(under.kind);
      expect(survey.slots).toBeGreaterThan(0);
      const model = survey.models.find(({ name }) => name === under.toName('talker'));
      const tag = JSON.parse(model?.tagJson ?? '') as { name: string; digest: string };
      expect(tag).toMatchObject({ name: under.toName('talker'), digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
      // What an engine does not tell it cannot have; clients are shown one all the same.
      expect(model?.digest).toBe(under.native === 'openai.chat' ? '' : tag.digest);
    });

    test('streams the engine’s own bytes, and ends once', async () => {
      await start(talker);
      const answer = ask('talker');
      const end = await answer.end;
      expect(under.readAnswer(answer).said.trim()).toBe(words(40));
      expect(end.outcome).toBe('done');
      expect(end.usage?.completionTokens).toBe(40 + (under.endTokens ?? 0));
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
      expect(under.readAnswer(answer).said.trim()).toBe(words(40));
      expect(end.usage?.completionTokens).toBe(40 + (under.endTokens ?? 0));
    });

    test('answers a client of the other family in typed events', async () => {
      await start(talker);
      const answer = ask('talker', { endpoint: under.foreign });
      const end = await answer.end;
      expect(answer.said.trim()).toBe(words(40));
      expect(answer.events.at(-1)).toMatchObject({ type: 'response-end', finishReason: 'stop' });
      expect(end.usage?.completionTokens).toBe(40 + (under.endTokens ?? 0));
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

    test('embeds, for both families', async () => {
      await start(embedder);
      const body = { input: ['one', 'two'], messages: undefined };
      const own = ask('embedder', { endpoint: under.nativeEmbedding, stream: false, body });
      expect((await own.end).outcome).toBe('done');
      expect(own.batches[0]?.kinds).toBe(batchKind.embeddings | batchKind.end);
      const other = ask('embedder', { endpoint: under.foreignEmbedding, stream: false, body });
      await other.end;
      const vectors = other.events.find((event) => event.type === 'embeddings')?.vectors;
      expect(vectors?.map((vector) => vector.length)).toEqual([64, 64]);
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

    test('finds calls of tools, for clients of the other family', async () => {
      await start(caller);
      const other = ask('caller', { endpoint: under.foreign, body: { tools } });
      await other.end;
      const call = other.events.find((event) => event.type === 'tool-call');
      expect(call?.call.name).toBe('look_up');
      expect(JSON.parse(call?.call.arguments ?? '')).toEqual({ city: 'Oslo', days: 2 });
    });

    test('stops when it is told to, and says so once', async () => {
      await start(endless);
      const answer = ask('endless');
      await answer.begun;
      answer.cancel();
      expect((await answer.end).outcome).toBe('cancelled');
      answer.cancel();
      expect(answer.ends).toHaveLength(1);
    });

    test('what is no JSON is the request’s own fault', async () => {
      await start(talker);
      const body = { toJSON: () => 'no object' };
      const answer = ask('talker', { endpoint: under.foreign });
      await answer.end;
      const broken = RecordedAnswer.ask(engine, { endpoint: under.foreign, model: under.toName('talker'), body });
      expect((await broken.end).failure).toMatchObject({ cause: 'request', code: 'bad-request' });
    });
  });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
