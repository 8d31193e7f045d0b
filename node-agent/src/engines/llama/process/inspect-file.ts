import type { Capability } from '@waggle/shared/cluster/model.ts';
import type { GgufFileInfo } from 'node-llama-cpp';
import { ChatTemplate } from '../generation/chat-template.ts';
import type { Library } from './library.ts';
import type { ModelFacts } from './model-facts.ts';
import type { ModelDescription } from './protocol.ts';

/** Lists of a whole vocabulary: nothing the engine wants to know is in them. */
const vocabularyKeys = ['tokens', 'scores', 'token_type', 'merges', 'precompiled_charsmap'] as const;
/** Two points of a line that memory of a context follows. */
const [fewTokens, moreTokens] = [2_048, 4_096];
const batchSize = 512;

/** What the engine must know of a file, by its header alone. */
export async function inspectFile(
  library: Library,
  path: string,
): Promise<{ readonly facts: ModelFacts; readonly version: string }> {
  const info = await library.readGgufFileInfo(path, {
    sourceType: 'filesystem',
    logWarnings: false,
    ignoreKeys: vocabularyKeys.map((key) => `tokenizer.ggml.${key}`),
  });
  const insights = await library.GgufInsights.from(info);
  if (!insights.isSupportedByLlamaCpp) {
    throw new Error(`llama.cpp does not know the architecture ${info.metadata.general.architecture}`);
  }
  const gpuLayers = 0;
  const weights = await insights.estimateModelResourceRequirementsV2({ gpuLayers });
  const estimate = async (contextSize: number) => {
    const context = { contextSize, sequences: 1, modelGpuLayers: gpuLayers, batchSize } as const;
    const { cpuRam, gpuVram } = await insights.estimateContextResourceRequirementsV2(context);
    return cpuRam + gpuVram;
  };
  const [few, more] = [await estimate(fewTokens), await estimate(moreTokens)];
  const perToken = Math.max(0, (more - few) / (moreTokens - fewTokens));
  const facts: ModelFacts = {
    architecture: info.metadata.general.architecture,
    capabilities: toCapabilities(info, insights.hasEncoder),
    contextLength: insights.trainContextSize ?? 0,
    embeddingLength: insights.embeddingVectorSize ?? 0,
    parameters: insights.totalParameters,
    quantization: quantizationOf(library, info),
    weightsBytes: weights.cpuRam + weights.gpuVram,
    contextBytes: Math.max(0, few - perToken * fewTokens),
    contextBytesPerToken: perToken,
  };
  return { facts, version: await library.getModuleVersion() };
}

export async function describeFile(library: Library, path: string): Promise<ModelDescription> {
  const info = await library.readGgufFileInfo(path, { sourceType: 'filesystem', logWarnings: false });
  const verboseInfo: Record<string, unknown> = {};
  flatten(info.metadata, '', verboseInfo);
  const entries = Object.entries(verboseInfo);
  const { license } = info.metadata.general;
  return {
    template: info.metadata.tokenizer?.chat_template ?? '',
    license: typeof license === 'string' ? license : '',
    info: Object.fromEntries(entries.map(([key, value]) => [key, isLongList(value) ? null : value])),
    verboseInfo,
    tensors: (info.fullTensorInfo ?? info.tensorInfo ?? []).map(({ name, ggmlType, dimensions }) => ({
      name,
      type: library.GgmlType[ggmlType] ?? String(ggmlType),
      shape: dimensions.map(Number),
    })),
  };
}

/** What a model can be asked for: vectors where the file pools, else text, and what its template and its tokens tell. */
function toCapabilities(info: GgufFileInfo, hasEncoder: boolean): readonly Capability[] {
  const { architectureMetadata, metadata } = info;
  const pooling: unknown = 'pooling_type' in architectureMetadata ? architectureMetadata.pooling_type : undefined;
  if (hasEncoder || (typeof pooling === 'number' && pooling > 0)) return ['embedding'];
  const capabilities: Capability[] = ['completion'];
  const ggml = metadata.tokenizer?.ggml;
  const template = metadata.tokenizer?.chat_template;
  if (ggml !== undefined && hasInfill(ggml)) capabilities.push('insert');
  if (template === undefined) return capabilities;
  try {
    const chat = new ChatTemplate(template, { bos: '', eos: '' });
    if (chat.toolForm !== undefined) capabilities.push('tools');
    if (chat.thinking !== undefined) capabilities.push('thinking');
  } catch {
    // It cannot be read: whoever chats with the model is told so.
  }
  return capabilities;
}

function hasInfill(ggml: object): boolean {
  const has = (...keys: readonly string[]) => keys.some((key) => key in ggml);
  return has('prefix_token_id', 'fim_pre_token_id') && has('suffix_token_id', 'fim_suf_token_id');
}

function quantizationOf(library: Library, { metadata }: GgufFileInfo): string {
  const type = metadata.general.file_type;
  const name = type === undefined ? undefined : library.GgufFileType[type];
  return name === undefined ? 'unknown' : name.replace(/^(?:ALL|MOSTLY)_/, '');
}

function flatten(value: unknown, path: string, into: Record<string, unknown>): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, each] of Object.entries(value)) flatten(each, path === '' ? key : `${path}.${key}`, into);
  } else {
    into[path] = typeof value === 'bigint' ? Number(value) : value;
  }
}

function isLongList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 16;
}
