import type { Exchange } from '../exchange.ts';
import type { EngineParts } from '../scripted-engine.ts';
import type { CompiledModel } from '../scripted-model.ts';
import { escapeGoHtml } from './go-html.ts';
import { readGoStruct } from './go-json.ts';
import { toRfc3339 } from './go-time.ts';
import { OllamaRefusal, sendOllamaJson } from './ollama-refusal.ts';
import { findModel } from './ollama-request.ts';
import type { OllamaTraits } from './ollama-traits.ts';

const TEMPLATE = '{{- range .Messages }}{{ .Role }}: {{ .Content }}\n{{ end }}assistant: ';

export function createListing({ core }: EngineParts, traits: OllamaTraits) {
  return {
    tags: (exchange: Exchange) => {
      const newestFirst = core.models.toSorted((left, right) => (left.modifiedAt < right.modifiedAt ? 1 : -1));
      const models = newestFirst.map((model) => toTag(model, traits));
      sendOllamaJson(exchange, 200, JSON.stringify({ models }));
    },
    ps: (exchange: Exchange) => {
      const longestFirst = core.residency.list().toSorted((left, right) => right.expiresAt - left.expiresAt);
      const models = longestFirst.map(({ model, numCtx, expiresAt }) => ({
        name: model.name,
        model: model.name,
        size: model.sizeBytes,
        digest: model.digest,
        details: toDetails(model, ''),
        expires_at: toRfc3339(expiresAt),
        size_vram: model.sizeBytes,
        context_length: numCtx,
      }));
      sendOllamaJson(exchange, 200, JSON.stringify({ models }));
    },
    show: (exchange: Exchange) => {
      readGoStruct(exchange.record, 'ShowRequest', {
        model: { kind: 'string', type: 'string' },
        name: { kind: 'string', type: 'string' },
        verbose: { kind: 'bool', type: 'bool' },
      });
      const name = exchange.record.model;
      if (name === '') throw new OllamaRefusal(400, 'model is required');
      sendOllamaJson(exchange, 200, escapeGoHtml(JSON.stringify(toShow(findModel(core, name)))));
    },
    version: (exchange: Exchange) => sendOllamaJson(exchange, 200, JSON.stringify({ version: traits.version })),
    status: (exchange: Exchange) =>
      sendOllamaJson(exchange, 200, JSON.stringify({ cloud: { disabled: false, source: 'none' } })),
  };
}

function toDetails(model: CompiledModel, parent: string) {
  return {
    parent_model: parent,
    format: 'gguf',
    family: model.family,
    families: [model.family],
    parameter_size: model.parameterSize,
    quantization_level: model.quantization,
  };
}

function toTag(model: CompiledModel, traits: OllamaTraits) {
  const details = toDetails(model, 'scripted.gguf');
  const tag = {
    name: model.name,
    model: model.name,
    modified_at: model.modifiedAt,
    size: model.sizeBytes,
    digest: model.digest,
  };
  if (!traits.modern) return { ...tag, details };
  return {
    ...tag,
    details: { ...details, context_length: model.contextLength, embedding_length: model.embeddingLength },
    capabilities: model.capabilities,
  };
}

function toShow(model: CompiledModel) {
  const { family } = model;
  const parameters = model.numCtx === undefined ? '' : `num_ctx                        ${model.numCtx}`;
  const parameterLine = model.numCtx === undefined ? '' : `PARAMETER num_ctx ${model.numCtx}\n`;
  return {
    license: 'none',
    modelfile: `# Modelfile\nFROM scripted.gguf\nTEMPLATE "${TEMPLATE}"\n${parameterLine}`,
    ...(parameters === '' ? {} : { parameters }),
    template: TEMPLATE,
    details: toDetails(model, 'scripted.gguf'),
    model_info: {
      'general.architecture': family,
      'general.file_type': 15,
      'general.parameter_count': 1_000_000_000,
      [`${family}.attention.head_count`]: 4,
      [`${family}.attention.layer_norm_rms_epsilon`]: 0.00001,
      [`${family}.block_count`]: 2,
      [`${family}.context_length`]: model.contextLength,
      [`${family}.embedding_length`]: model.embeddingLength,
      'tokenizer.ggml.model': family,
    },
    capabilities: model.capabilities,
    modified_at: model.modifiedAt,
  };
}
