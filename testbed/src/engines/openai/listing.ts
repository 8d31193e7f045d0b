import type { Exchange } from '../exchange.ts';
import type { EngineParts } from '../scripted-engine.ts';
import type { CompiledModel } from '../scripted-model.ts';
import { errorJson, jsonHeadersOf, OpenAiRefusal } from './openai-refusal.ts';
import type { OpenAiTraits } from './openai-traits.ts';

const CREATED = 1_767_225_600;

/** `/v1/models` and `/v1/models/{id}`. */
export function createListing({ core }: EngineParts, traits: OpenAiTraits) {
  return {
    models: (exchange: Exchange) => {
      const data = core.models.map((model) => toEntry(model, traits));
      const list = { object: 'list', data };
      const body = traits.flavour === 'llama-server' ? { models: core.models.map(toLlamaModel), ...list } : list;
      exchange.send(200, jsonHeadersOf(traits.flavour), JSON.stringify(body));
    },
    model: (exchange: Exchange, id: string) => {
      const model = core.findModel(id);
      if (model !== undefined) {
        exchange.send(200, jsonHeadersOf(traits.flavour), JSON.stringify(toEntry(model, traits)));
        return;
      }
      const refusal = new OpenAiRefusal(404, `The model \`${id}\` does not exist.`, 'model');
      exchange.send(404, jsonHeadersOf(traits.flavour), errorJson(refusal, traits.flavour));
    },
  };
}

function toEntry(model: CompiledModel, { flavour }: OpenAiTraits): Readonly<Record<string, unknown>> {
  const { name: id, contextLength } = model;
  switch (flavour) {
    case 'vllm':
      return {
        id,
        object: 'model',
        created: CREATED,
        owned_by: 'vllm',
        root: id,
        parent: null,
        max_model_len: model.numCtx ?? contextLength,
        permission: [{ id: `modelperm-${id}`, object: 'model_permission', created: CREATED, allow_sampling: true }],
      };
    case 'llama-server':
      return {
        id,
        aliases: [id],
        tags: [],
        object: 'model',
        architecture: { input_modalities: ['text'], output_modalities: ['text'] },
        created: CREATED,
        owned_by: 'llamacpp',
        meta: {
          vocab_type: 1,
          n_vocab: 32_000,
          n_ctx: model.numCtx ?? contextLength,
          n_ctx_train: contextLength,
          n_embd: model.embeddingLength,
          n_params: 1_000_000_000,
          size: model.sizeBytes,
          ftype: model.quantization,
        },
      };
    case 'lm-studio':
      return { id, object: 'model', owned_by: 'organization_owner' };
  }
}

function toLlamaModel(model: CompiledModel) {
  return {
    name: model.name,
    model: model.name,
    modified_at: '',
    size: '',
    digest: '',
    type: 'model',
    description: '',
    tags: [''],
    capabilities: ['completion'],
    parameters: '',
    details: {
      parent_model: '',
      format: 'gguf',
      family: '',
      families: [''],
      parameter_size: '',
      quantization_level: '',
    },
  };
}
