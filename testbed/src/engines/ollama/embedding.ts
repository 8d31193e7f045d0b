import { toEmbeddingAsk } from '../ask.ts';
import { embed, normalise } from '../embedding.ts';
import type { Exchange } from '../exchange.ts';
import type { EngineParts } from '../scripted-engine.ts';
import type { CompiledModel } from '../scripted-model.ts';
import { countTokens } from '../tokens.ts';
import { readKeepAliveMs } from './go-duration.ts';
import { readGoStruct } from './go-json.ts';
import { toNanoseconds } from './go-time.ts';
import { readRunnerOptions } from './ollama-options.ts';
import { OllamaRefusal, sendOllamaJson } from './ollama-refusal.ts';

const NOT_SUPPORTED = 'This server does not support embeddings. Start it with `--embeddings`';

const options = { kind: 'object', type: 'map[string]interface {}' } as const;
const string = { kind: 'string', type: 'string' } as const;

export function createEmbedding(parts: EngineParts) {
  return {
    embed: (exchange: Exchange) => answerEmbed(exchange, parts),
    embeddings: (exchange: Exchange) => answerEmbeddings(exchange, parts),
  };
}

async function answerEmbed(exchange: Exchange, parts: EngineParts): Promise<void> {
  const body = readGoStruct(exchange.record, 'EmbedRequest', {
    model: string,
    truncate: { kind: 'bool', type: 'bool' },
    dimensions: { kind: 'number', type: 'int' },
    options,
  });
  const inputs = readInputs(body.input);
  const model = findEmbedder(parts, exchange.record.model);
  const { numCtx, key } = readRunnerOptions(body.options);
  const context = parts.core.residency.contextOf(model, numCtx);
  if (body.truncate === false && inputs.some((input) => countTokens(input) > context)) {
    throw new OllamaRefusal(400, 'the input length exceeds the context length');
  }
  const residence = { numCtx, runner: key, keepAliveMs: readKeepAliveMs(body.keep_alive) };
  if (inputs.length === 0) {
    const resident = await parts.core.residency.acquire(model, residence, exchange.signal);
    parts.core.residency.release(resident, residence.keepAliveMs);
    sendOllamaJson(exchange, 200, JSON.stringify({ model: exchange.record.model, embeddings: [] }));
    return;
  }
  if (!model.can.has('embedding')) throw new OllamaRefusal(501, NOT_SUPPORTED);
  const turn = await parts.begin(exchange, toEmbeddingAsk(exchange.record.model, inputs.join('\n')), residence);
  turn.end();
  const dimensions = typeof body.dimensions === 'number' && body.dimensions > 0 ? body.dimensions : undefined;
  const vectors = inputs.map((input) => normalise(embed(input, model.embeddingLength).slice(0, dimensions)));
  sendOllamaJson(
    exchange,
    200,
    JSON.stringify({
      model: exchange.record.model,
      embeddings: vectors,
      total_duration: toNanoseconds(performance.now() - turn.startedAt),
      load_duration: toNanoseconds(turn.loadMs),
      prompt_eval_count: inputs.reduce((sum, input) => sum + countTokens(input), 0),
    }),
  );
}

async function answerEmbeddings(exchange: Exchange, parts: EngineParts): Promise<void> {
  const body = readGoStruct(exchange.record, 'EmbeddingRequest', { model: string, prompt: string, options });
  if (exchange.record.model === '') throw new OllamaRefusal(400, 'model is required');
  const model = findEmbedder(parts, exchange.record.model);
  const { numCtx, key } = readRunnerOptions(body.options);
  const residence = { numCtx, runner: key, keepAliveMs: readKeepAliveMs(body.keep_alive) };
  const prompt = typeof body.prompt === 'string' ? body.prompt : '';
  if (prompt !== '' && !model.can.has('embedding')) throw new OllamaRefusal(500, NOT_SUPPORTED);
  const turn = await parts.begin(exchange, toEmbeddingAsk(exchange.record.model, prompt), residence);
  turn.end();
  // This older call does not normalise.
  sendOllamaJson(
    exchange,
    200,
    JSON.stringify({ embedding: prompt === '' ? [] : embed(prompt, model.embeddingLength) }),
  );
}

function readInputs(input: unknown): readonly string[] {
  if (input === undefined || input === null || input === '') return [];
  if (typeof input === 'string') return [input];
  if (Array.isArray(input) && input.every((entry) => typeof entry === 'string')) return input;
  throw new OllamaRefusal(400, 'invalid input type');
}

function findEmbedder(parts: EngineParts, name: string): CompiledModel {
  const model = parts.core.findModel(name);
  if (model !== undefined) return model;
  if (name === '') throw new OllamaRefusal(404, "model '' not found");
  throw new OllamaRefusal(404, `model "${name}" not found, try pulling it first`);
}
