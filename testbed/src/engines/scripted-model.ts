import { createHash } from 'node:crypto';
import type { AnswerChooser, AnswerScript, ToolCallScript } from './answer-script.ts';

/** A model an engine pretends to have. What is absent costs no time and has a sensible value. JSON, but for a chooser. */
export interface ScriptedModel {
  readonly name: string;
  readonly sizeBytes?: number;
  /** 64 hexadecimal digits; default: made from the name and the size. */
  readonly digest?: string;
  /** Milliseconds from the first request until it is resident. */
  readonly loadMs?: number;
  /** Milliseconds it stays listed as resident after it was told to go. */
  readonly unloadMs?: number;
  /** 0: the prompt costs no time. */
  readonly prefillTokensPerS?: number;
  /** 0: the answer costs no time. */
  readonly decodeMsPerToken?: number;
  /** Requests it runs at once; more wait in the engine. */
  readonly slots?: number;
  readonly capabilities?: readonly ModelCapability[];
  /** Longest context it was trained for, in tokens. */
  readonly contextLength?: number;
  /** Context it is loaded with when a request says nothing; default: the engine's. */
  readonly numCtx?: number;
  readonly answer?: AnswerScript | AnswerChooser;
  /** What it thinks first, if it has the capability and nobody turned it off. */
  readonly thinking?: AnswerScript;
  /** The tool it calls when a tool of that name is offered and the last message is not a tool's answer. */
  readonly toolCall?: ToolCallScript;
  /** The answer where a format is asked for. */
  readonly formatted?: string;
  readonly embeddingLength?: number;
  readonly family?: string;
  readonly parameterSize?: string;
  readonly quantization?: string;
  /** RFC 3339. */
  readonly modifiedAt?: string;
}

export type ModelCapability = 'completion' | 'tools' | 'insert' | 'vision' | 'embedding' | 'thinking' | 'audio';

/** A model with every default filled in. */
export interface CompiledModel extends Required<Omit<ScriptedModel, 'toolCall' | 'numCtx'>> {
  readonly toolCall: ToolCallScript | undefined;
  readonly numCtx: number | undefined;
  readonly can: ReadonlySet<ModelCapability>;
}

export interface ModelDefaults {
  readonly slots: number;
  /** All durations are multiplied by it; 0 means that nothing takes time. */
  readonly timeScale: number;
  /** The `latest` tag is part of a name that has none. */
  readonly tagged: boolean;
}

export function compileModel(model: ScriptedModel, defaults: ModelDefaults): CompiledModel {
  const name = defaults.tagged ? toTaggedName(model.name) : model.name;
  const sizeBytes = model.sizeBytes ?? 1_000_000_000;
  const capabilities = model.capabilities ?? deriveCapabilities(model);
  const { timeScale } = defaults;
  const tokensPerS = model.prefillTokensPerS ?? 0;
  return {
    name,
    sizeBytes,
    digest: model.digest ?? createHash('sha256').update(`${name} ${sizeBytes}`).digest('hex'),
    loadMs: (model.loadMs ?? 0) * timeScale,
    unloadMs: (model.unloadMs ?? 0) * timeScale,
    prefillTokensPerS: timeScale === 0 ? 0 : tokensPerS / timeScale,
    decodeMsPerToken: (model.decodeMsPerToken ?? 0) * timeScale,
    slots: model.slots ?? defaults.slots,
    capabilities,
    can: new Set(capabilities),
    contextLength: model.contextLength ?? 8192,
    numCtx: model.numCtx,
    answer: model.answer ?? { kind: 'words', count: 16 },
    thinking: model.thinking ?? { kind: 'text', text: 'Let me think.' },
    toolCall: model.toolCall,
    formatted: model.formatted ?? '{"answer": 42}',
    embeddingLength: model.embeddingLength ?? 64,
    family: model.family ?? 'llama',
    parameterSize: model.parameterSize ?? '1.0B',
    quantization: model.quantization ?? 'Q4_K_M',
    modifiedAt: model.modifiedAt ?? '2026-01-01T00:00:00.123456789Z',
  };
}

/** Ollama's full form of a name: `m` is `m:latest`. */
export function toTaggedName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).includes(':') ? name : `${name}:latest`;
}

function deriveCapabilities(model: ScriptedModel): readonly ModelCapability[] {
  if (model.embeddingLength !== undefined) return ['embedding'];
  const capabilities: ModelCapability[] = ['completion'];
  if (model.toolCall !== undefined) capabilities.push('tools');
  if (model.thinking !== undefined) capabilities.push('thinking');
  return capabilities;
}
