import type { Exchange } from '../exchange.ts';
import type { EngineParts } from '../scripted-engine.ts';
import type { CompiledModel } from '../scripted-model.ts';
import { jsonHeadersOf, OpenAiRefusal } from './openai-refusal.ts';
import { readBody, readText } from './openai-request.ts';
import type { OpenAiTraits } from './openai-traits.ts';

/** LM Studio's own lists and its load and unload calls. */
export function createLmStudioLibrary({ core }: EngineParts, traits: OpenAiTraits) {
  const headers = jsonHeadersOf('lm-studio');
  const send = (exchange: Exchange, body: unknown) => exchange.send(200, headers, JSON.stringify(body));
  return {
    models: (exchange: Exchange) => send(exchange, { models: core.models.map(toModel) }),
    oldModels: (exchange: Exchange) => send(exchange, { object: 'list', data: core.models.map(toOldModel) }),
    load: async (exchange: Exchange) => {
      const name = readText(readBody(exchange.record.bodyText, exchange.record.body, traits).model);
      const model = core.findModel(name);
      if (model === undefined) throw new OpenAiRefusal(404, `model '${name}' not found`);
      const began = performance.now();
      const residence = { runner: '', keepAliveMs: Number.POSITIVE_INFINITY };
      const resident = await core.residency.acquire(model, residence, exchange.signal);
      core.residency.release(resident, residence.keepAliveMs);
      send(exchange, {
        model_instance_id: model.name,
        config: { context_length: resident.numCtx },
        load_time_seconds: (performance.now() - began) / 1000,
      });
    },
    unload: (exchange: Exchange) => {
      const body = readBody(exchange.record.bodyText, exchange.record.body, traits);
      const id = readText(body.instance_id ?? body.model_instance_id);
      if (core.residency.find(id) === undefined) throw new OpenAiRefusal(404, `instance '${id}' not found`);
      core.residency.unload(id);
      send(exchange, { model_instance_id: id });
    },
  };

  function toModel(model: CompiledModel) {
    const resident = core.residency.find(model.name);
    const config = { context_length: resident?.numCtx ?? 0 };
    const embedding = model.can.has('embedding');
    const shared = {
      publisher: 'scripted',
      key: model.name,
      display_name: model.name,
      quantization: { name: model.quantization, bits_per_weight: 4 },
      size_bytes: model.sizeBytes,
      params_string: model.parameterSize,
      loaded_instances: resident === undefined ? [] : [{ id: model.name, config }],
      max_context_length: model.contextLength,
      format: 'gguf',
    };
    if (embedding) return { type: 'embedding', ...shared };
    const capabilities = { vision: model.can.has('vision'), trained_for_tool_use: model.can.has('tools') };
    return { type: 'llm', ...shared, architecture: model.family, capabilities, description: null };
  }

  function toOldModel(model: CompiledModel) {
    const resident = core.residency.find(model.name);
    return {
      id: model.name,
      object: 'model',
      type: model.can.has('embedding') ? 'embeddings' : 'llm',
      publisher: 'scripted',
      arch: model.family,
      compatibility_type: 'gguf',
      quantization: model.quantization,
      state: resident === undefined ? 'not-loaded' : 'loaded',
      max_context_length: model.contextLength,
      ...(resident === undefined ? {} : { loaded_context_length: resident.numCtx }),
    };
  }
}
