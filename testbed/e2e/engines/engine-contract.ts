import type { Engine } from '@waggle/node-agent/engines/engine.ts';
import { EngineProblem } from '@waggle/node-agent/engines/engine-problem.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { afterEach, describe, expect, test } from 'vitest';
import type { ScriptedEngine } from '../../src/engines/scripted-engine.ts';
import type { ScriptedModel } from '../../src/engines/scripted-model.ts';
import {
  type AnsweringEngine,
  caller,
  describeAnswering,
  endless,
  messages,
  talker,
  tools,
} from './answering-contract.ts';
import { type AskOptions, RecordedAnswer } from './recorded-answer.ts';

/** An implementation of the Engine port in front of a scripted server of its kind. */
export interface EngineUnderTest extends AnsweringEngine {
  /** A server with these models, and the engine that drives it. */
  start(
    models: readonly ScriptedModel[],
  ): Promise<{ readonly server: ScriptedEngine; readonly engine: Engine; readonly close: () => Promise<void> }>;
}

/** What every engine does, whichever server it drives. */
export function describeEngineContract(under: EngineUnderTest): void {
  describeAnswering(under);
  describe(`an engine in front of ${under.kind}`, () => {
    let server: ScriptedEngine;
    let engine: Engine;
    let close: () => Promise<void>;

    const start = async (...models: ScriptedModel[]) => {
      ({ server, engine, close } = await under.start(models));
      await engine.probe.survey(AbortSignal.timeout(5_000));
    };
    const ask = (model: string, more: Partial<AskOptions> = {}): RecordedAnswer => {
      const stream = more.stream ?? true;
      const body = { model, messages, stream, ...more.body };
      return RecordedAnswer.ask(engine, { endpoint: under.native, model: under.toName(model), stream, ...more, body });
    };

    afterEach(() => close());

    test('names the model as the client wrote it', async () => {
      await start(talker);
      const answer = ask('talker', { answerModel: 'my-alias' });
      await answer.end;
      expect(new Set(under.readAnswer(answer).models)).toEqual(new Set(['my-alias']));
      expect(server.requests.all.at(-1)?.model).toBe(under.toName('talker'));
    });

    test('passes tool calls on as they are', async () => {
      await start(caller);
      const own = ask('caller', { body: { tools } });
      await own.end;
      expect(own.text).toContain('look_up');
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
      expect(under.readAnswer(answer).said.length).toBeGreaterThanOrEqual(big.text.length - 1);
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
