import { toEmbeddingAsk } from '../ask.ts';
import { embed, normalise, toBase64 } from '../embedding.ts';
import type { Exchange } from '../exchange.ts';
import type { EngineParts } from '../scripted-engine.ts';
import { countTokens } from '../tokens.ts';
import { jsonHeadersOf, OpenAiRefusal } from './openai-refusal.ts';
import { findModel, readBody } from './openai-request.ts';
import type { OpenAiTraits } from './openai-traits.ts';

export async function answerEmbeddings(exchange: Exchange, parts: EngineParts, traits: OpenAiTraits): Promise<void> {
  const body = readBody(exchange.record.bodyText, exchange.record.body, traits);
  const model = findModel(parts.core, body, traits);
  if (!model.can.has('embedding')) {
    if (traits.flavour === 'llama-server') {
      throw new OpenAiRefusal(501, 'This server does not support embeddings. Start it with `--embeddings`');
    }
    throw new OpenAiRefusal(400, 'The model does not support Embeddings API');
  }
  const inputs = readInputs(body.input);
  const context = parts.core.residency.contextOf(model, undefined);
  if (inputs.some((input) => countTokens(input) > context)) {
    throw new OpenAiRefusal(400, `This model's maximum context length is ${context} tokens.`);
  }
  const turn = await parts.begin(exchange, toEmbeddingAsk(model.name, inputs.join('\n')), { runner: '' });
  turn.end();
  const dimensions = typeof body.dimensions === 'number' ? body.dimensions : undefined;
  const data = inputs.map((input, index) => {
    const vector = normalise(embed(input, model.embeddingLength).slice(0, dimensions));
    return { object: 'embedding', index, embedding: body.encoding_format === 'base64' ? toBase64(vector) : vector };
  });
  const tokens = inputs.reduce((sum, input) => sum + countTokens(input), 0);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  exchange.send(200, jsonHeadersOf(traits.flavour), JSON.stringify({ object: 'list', data, model: model.name, usage }));
}

/** Texts, or lists of token ids, which stand for texts. */
function readInputs(input: unknown): readonly string[] {
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input) || input.length === 0)
    throw new OpenAiRefusal(400, 'input must be a string or a list', 'input');
  if (input.every((entry) => typeof entry === 'number')) return [input.join(' ')];
  return input.map((entry: unknown) => (Array.isArray(entry) ? entry.join(' ') : String(entry)));
}
