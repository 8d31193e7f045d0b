import { expect } from 'vitest';
import { type NodeRow, until } from '../../src/cluster/process-cluster.ts';
import { png } from '../client-models.ts';
import { type Aspect, ask, type ClientApi, type MatrixAnswer, type MatrixAsk, Refusal } from './client-api.ts';
import type { MatrixEngine } from './matrix-engine.ts';

/** A client of one API in front of one engine. */
export interface Pair {
  /** Of the cluster. */
  readonly url: string;
  readonly api: ClientApi;
  readonly engine: MatrixEngine;
}

/** How an aspect turned out: it works, or it is refused with these words. Anything else throws. */
export type Outcome = 'yes' | { readonly refused: string };

const prompt = 'Hello there';
const schema = { type: 'object', properties: { answer: { type: 'integer' } }, required: ['answer'] };

/** Words that a refusal must have, so that it is none for another reason. */
const named: Readonly<Partial<Record<Aspect, RegExp>>> = {
  'forced tool': /tool/,
  images: /image|modal/,
};

export async function lookAt(aspect: Aspect, pair: Pair): Promise<Outcome> {
  try {
    await looks[aspect](pair);
    return 'yes';
  } catch (thrown) {
    const words = named[aspect];
    if (!(thrown instanceof Refusal) || words === undefined || thrown.status !== 400) throw thrown;
    expect(thrown.message).toMatch(words);
    return { refused: thrown.message };
  }
}

const looks: Readonly<Record<Aspect, (pair: Pair) => Promise<void>>> = {
  async text(pair) {
    const { models, words } = pair.engine;
    for (const answer of await bothWays(pair, { model: models.words, prompt }))
      expect(answer).toMatchObject({ text: words.all, thinking: '', calls: [] });
  },

  async tools(pair) {
    const { models, tool, given, report } = pair.engine;
    const request = { model: models.caller, prompt, tool };
    for (const answer of await bothWays(pair, request)) {
      const [call] = answer.calls;
      expect(answer.calls).toMatchObject([{ name: tool.name, arguments: given }]);
      expect(answer.reason).toBe(pair.api.tellsCalls ? 'tools' : 'stop');
      if (call === undefined) continue;
      const called = { call, result: '18 degrees' };
      expect(await put(pair, { ...request, called })).toMatchObject({ text: report, calls: [] });
    }
  },

  async 'forced tool'(pair) {
    const { models, tool } = pair.engine;
    const request = { model: models.caller, prompt, tool, isToolForced: true, maxTokens: 200 };
    for (const { calls } of await bothWays(pair, request)) expect(calls).toMatchObject([{ name: tool.name }]);
  },

  async images(pair) {
    const { models, report, checkImage } = pair.engine;
    for (const { text } of await bothWays(pair, { model: models.seer, prompt, image: png })) {
      expect(text).toBe(report);
      checkImage(png);
    }
  },

  async thinking(pair) {
    const { models, thought, concluded } = pair.engine;
    const model = models.thinker;
    for (const answer of await bothWays(pair, { model, prompt, think: true }))
      expect(answer).toMatchObject({ text: concluded, thinking: thought });
    const off = await put(pair, { model, prompt, think: false });
    expect(off.thinking).toBe('');
    expect(off.text).not.toBe('');
  },

  async 'JSON schema'(pair) {
    const request = { model: pair.engine.models.words, prompt, schema, maxTokens: 64 };
    for (const { text } of await bothWays(pair, request))
      expect(JSON.parse(text)).toEqual({ answer: expect.any(Number) });
  },

  async logprobs(pair) {
    const { models, words } = pair.engine;
    for (const { text, logprobs } of await bothWays(pair, { model: models.words, prompt, logprobs: true })) {
      expect(text).toBe(words.all);
      // An engine may tell of the token that ends the answer, too.
      expect(logprobs.map(({ token }) => token).join('')).toContain(words.all);
      for (const { logprob } of logprobs) expect(logprob).toBeLessThanOrEqual(0);
    }
  },

  async usage(pair) {
    const [whole, streamed] = await bothWays(pair, { model: pair.engine.models.words, prompt, maxTokens: 3 });
    expect(whole.completionTokens).toBe(3);
    expect(whole.promptTokens).toBeGreaterThan(0);
    expect(streamed).toMatchObject({ completionTokens: 3, promptTokens: whole.promptTokens });
  },

  async 'stop reasons'(pair) {
    const { models, words } = pair.engine;
    const model = models.words;
    for (const answer of await bothWays(pair, { model, prompt })) expect(answer.reason).toBe('stop');
    for (const answer of await bothWays(pair, { model, prompt, maxTokens: 3 }))
      expect(answer).toMatchObject({ text: words.firstThree, reason: 'length' });
    if (!pair.api.hasStopTexts) return;
    for (const answer of await bothWays(pair, { model, prompt, stop: words.stop }))
      expect(answer).toMatchObject({ text: words.beforeStop, reason: 'stop' });
  },

  async errors(pair) {
    const { models, fail } = pair.engine;
    expect(await refusal(pair, { model: 'nobody-has-it', prompt })).toMatchObject({
      status: 404,
      message: expect.stringContaining('nobody-has-it'),
    });
    const wrong = await refusal(pair, { model: models.words, prompt, maxTokens: 'many' });
    expect(wrong.status).toBe(400);
    expect(wrong.message).not.toBe('');
    if (fail === undefined) return;
    fail('refuse', 'no such thing');
    expect(await refusal(pair, { model: models.words, prompt })).toMatchObject({
      status: 400,
      message: 'no such thing',
    });
    fail('break', '');
    // It had begun by then, so the status is no longer to be changed.
    expect((await refusal(pair, { model: models.words, prompt, stream: true })).status).toBe(200);
  },

  async abort({ url, api, engine }) {
    const leaving = new AbortController();
    const asked = ask(
      url,
      api,
      { model: engine.models.endless, prompt: 'Go on and on', stream: true, maxTokens: 100_000 },
      { signal: leaving.signal, spoken: () => leaving.abort() },
    );
    await expect(asked).rejects.toThrow('abort');
    await engine.left?.();
    // A lane is free when its engine has stopped.
    await until(async () => {
      const { nodes } = (await (await fetch(`${url}/api/nodes`)).json()) as { nodes: NodeRow[] };
      const lanes = nodes.find(({ name }) => name === engine.node)?.engines.map((one) => one.lanes) ?? [];
      return lanes.length > 0 && lanes.every(({ bound }) => bound === 0);
    });
  },
};

function put({ url, api }: Pair, request: MatrixAsk): Promise<MatrixAnswer> {
  return ask(url, api, request);
}

/** Whole, then streamed. */
async function bothWays(pair: Pair, request: MatrixAsk): Promise<readonly [MatrixAnswer, MatrixAnswer]> {
  return [await put(pair, { ...request, stream: false }), await put(pair, { ...request, stream: true })];
}

async function refusal(pair: Pair, request: MatrixAsk): Promise<Refusal> {
  const answered = put(pair, request).then(
    (answer) => {
      throw new Error(`answered: ${JSON.stringify(answer)}`);
    },
    (thrown: unknown) => thrown,
  );
  const thrown = await answered;
  if (thrown instanceof Refusal) return thrown;
  throw thrown;
}
