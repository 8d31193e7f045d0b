import { writeFile } from 'node:fs/promises';
import { encodeGguf, type GgufTensor, type GgufValue } from './gguf-file.ts';
import { buildVocabulary, type ScriptedVocabulary } from './scripted-vocabulary.ts';

export interface ScriptedGgufOptions {
  /** `general.name`. */
  readonly name: string;
  /** `general.description`. */
  readonly description?: string;
  /**
   * What the model says, by the control token that the prompt ends with (`'<|answer|>': 'Good morning.'`). The first is also
   * said after prompts that end with plain text. Thinking, tool calls and JSON are texts like any other.
   */
  readonly scripts: Readonly<Record<string, string>>;
  /** `tokenizer.chat_template` (Jinja); it must end the prompt with one of the control tokens. Without it the file has none. */
  readonly template?: string;
  /** Control tokens of `scripts` whose text begins anew when it ends. */
  readonly endless?: readonly string[];
  /** Further control tokens that the template writes (`<|im_start|>`). */
  readonly controls?: readonly string[];
  /** How the token that ends an answer is spelled (`</s>`). */
  readonly endToken?: string;
  /** Characters that are said byte by byte, as real models say rare ones; no byte may come twice in all the scripts. */
  readonly spelledInBytes?: string;
  /** Tokens; 8192. */
  readonly contextLength?: number;
  /** Layers without any effect but the time they take, for models that must be slow: how many (1) and how wide (64). */
  readonly layers?: number;
  readonly feedForward?: number;
}

const headSize = 32;
const smallestWidth = 64;
const epsilon = 1e-5;

/** Logits. The scripted token is all but certain at any temperature that is in use; the rest is for grammars, see below. */
const scriptedLogit = 40;
const unlikelyLogit = -10;
/**
 * Where a grammar refuses the scripted token the most likely of what it allows is said. These let JSON end soon: strings
 * close at once, then objects and lists, and the next member comes only where the schema requires it.
 */
const grammarLogits: Readonly<Record<string, number>> = { '"': 12, '}': 11, ']': 11, ',': 6 };
const endLogit = 13;
/** Bytes of JSON texts: said when a grammar demands them, and nothing scripted follows them. */
const jsonMarks = '"{}[]:,0123456789';
const jsonCharacters = /[a-z0-9 :,{}"[\].-]/;

/**
 * A small model in llama.cpp's format that says scripted texts. Attention and feed-forward weights are zero, so what it says
 * next depends on the last token alone: every token that has a successor lies on an axis of its own, and the output row of
 * the successor points along that axis. Engines run it as they run any model.
 *
 * @throws Error when a text cannot be cut into tokens of its own
 */
export function buildScriptedGguf(options: ScriptedGgufOptions): Uint8Array<ArrayBuffer> {
  const { scripts, endless = [], controls = [], endToken = '</s>', spelledInBytes = '' } = options;
  const vocabulary = buildVocabulary({ scripts, endless: new Set(endless), controls, endToken, spelledInBytes });
  const { width, axes } = layOutAxes(vocabulary, scripts);
  return encodeModel(options, vocabulary, { width, ...scriptedWeights(vocabulary, width, axes) });
}

/** Writes what `buildScriptedGguf` builds. */
export async function writeScriptedGguf(path: string, options: ScriptedGgufOptions): Promise<void> {
  await writeFile(path, buildScriptedGguf(options));
}

/**
 * A small model that only embeds: the vector of a text is the mean of fixed random vectors of its bytes, so texts of the same
 * letters are near each other and equal texts are equal.
 */
export function buildEmbeddingGguf(options: {
  readonly name: string;
  readonly width?: number;
}): Uint8Array<ArrayBuffer> {
  const { name, width = smallestWidth } = options;
  const vocabulary = buildVocabulary({
    scripts: {},
    endless: new Set(),
    controls: [],
    endToken: '</s>',
    spelledInBytes: '',
  });
  const embedding = pseudoRandom(vocabulary.tokens.length * width);
  return encodeModel({ name, scripts: {} }, vocabulary, { width, embedding, output: embedding, pooling: 'mean' });
}

interface AxisLayout {
  readonly width: number;
  /** By token id, for tokens that something follows; each entry is [axis, the id that follows]. */
  readonly axes: ReadonlyMap<number, readonly [axis: number, successor: number]>;
}

/** Axis 0 is shared by all tokens, axis 1 by what plain prompts end with; every step of a script has one of its own. */
function layOutAxes(vocabulary: ScriptedVocabulary, scripts: Readonly<Record<string, string>>): AxisLayout {
  const { tokens, successors, unknownId, startId, blankId, byteId } = vocabulary;
  const axes = new Map<number, readonly [number, number]>();
  let used = 2;
  for (const [id, successor] of successors) axes.set(id, [used++, successor]);
  const firstStart = tokens.findIndex(({ text }) => text === Object.keys(scripts)[0]);
  const plainAnswer = successors.get(firstStart);
  if (plainAnswer !== undefined) {
    const marks = new Set(Array.from(jsonMarks, (mark) => byteId(mark.charCodeAt(0))));
    const ends = [unknownId, startId, blankId, ...Array.from({ length: 256 }, (_, byte) => byteId(byte))];
    for (const id of ends) if (!marks.has(id) && !axes.has(id)) axes.set(id, [1, plainAnswer]);
  }
  return { width: Math.max(smallestWidth, Math.ceil((used + 1) / headSize) * headSize), axes };
}

function scriptedWeights(vocabulary: ScriptedVocabulary, width: number, axes: AxisLayout['axes']) {
  const { tokens, endId, byteId } = vocabulary;
  const embedding = new Float32Array(tokens.length * width);
  const output = new Float32Array(tokens.length * width);
  // The norm before the output makes both components of a token's vector this long.
  const length = Math.sqrt(width / 2);
  const setLogit = (id: number, axis: number, logit: number) => {
    output[id * width + axis] = logit / length;
  };
  for (const id of tokens.keys()) {
    embedding[id * width] = 1;
    // A token that nothing follows has its second component where no output row looks, so that its vector is as long.
    embedding[id * width + (axes.get(id)?.[0] ?? width - 1)] = 1;
    setLogit(id, 0, unlikelyLogit);
  }
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    if (jsonCharacters.test(character)) setLogit(byteId(byte), 0, grammarLogits[character] ?? 0);
  }
  setLogit(endId, 0, endLogit);
  for (const [axis, successor] of axes.values()) setLogit(successor, axis, scriptedLogit);
  return { embedding, output };
}

interface ModelWeights {
  readonly width: number;
  readonly embedding: Float32Array;
  readonly output: Float32Array;
  readonly pooling?: 'mean';
}

function encodeModel(
  options: ScriptedGgufOptions,
  vocabulary: ScriptedVocabulary,
  weights: ModelWeights,
): Uint8Array<ArrayBuffer> {
  const { layers = 1, feedForward = 64 } = options;
  const { width } = weights;
  const size = vocabulary.tokens.length;
  const tensors: GgufTensor[] = [
    { name: 'token_embd.weight', shape: [width, size], data: weights.embedding },
    { name: 'output_norm.weight', shape: [width], data: new Float32Array(width).fill(1) },
    { name: 'output.weight', shape: [width, size], data: weights.output },
  ];
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, shape: readonly number[], value: number) => {
      const count = shape.reduce((product, dimension) => product * dimension);
      tensors.push({ name: `blk.${layer}.${name}.weight`, shape, data: new Float32Array(count).fill(value) });
    };
    add('attn_norm', [width], 1);
    add('attn_q', [width, width], 0);
    add('attn_k', [width, headSize], 0);
    add('attn_v', [width, headSize], 0);
    add('attn_output', [width, width], 0);
    add('ffn_norm', [width], 1);
    add('ffn_gate', [width, feedForward], 0);
    add('ffn_up', [width, feedForward], 0);
    add('ffn_down', [feedForward, width], 0);
  }
  return encodeGguf(describeModel({ ...options, layers, feedForward }, vocabulary, weights), tensors);
}

function describeModel(
  options: ScriptedGgufOptions,
  { tokens, unknownId, startId, endId }: ScriptedVocabulary,
  { width, pooling }: ModelWeights,
): Record<string, GgufValue> {
  const { name, description, template, contextLength = 8_192, layers = 1, feedForward = 64 } = options;
  const uint32 = (value: number): GgufValue => ({ kind: 'uint32', value });
  const string = (value: string): GgufValue => ({ kind: 'string', value });
  return {
    'general.architecture': string('llama'),
    'general.name': string(name),
    ...(description !== undefined && { 'general.description': string(description) }),
    'general.file_type': uint32(0),
    'llama.context_length': uint32(contextLength),
    'llama.embedding_length': uint32(width),
    'llama.block_count': uint32(layers),
    'llama.feed_forward_length': uint32(feedForward),
    'llama.attention.head_count': uint32(width / headSize),
    'llama.attention.head_count_kv': uint32(1),
    'llama.attention.layer_norm_rms_epsilon': { kind: 'float32', value: epsilon },
    'llama.rope.dimension_count': uint32(headSize),
    'llama.vocab_size': uint32(tokens.length),
    ...(pooling !== undefined && { 'llama.pooling_type': uint32(1) }),
    'tokenizer.ggml.model': string('llama'),
    'tokenizer.ggml.pre': string('default'),
    'tokenizer.ggml.tokens': { kind: 'string', value: tokens.map(({ text }) => text) },
    'tokenizer.ggml.scores': { kind: 'float32', value: tokens.map((_, id) => -id) },
    'tokenizer.ggml.token_type': { kind: 'int32', value: tokens.map(({ type }) => type) },
    'tokenizer.ggml.bos_token_id': uint32(startId),
    'tokenizer.ggml.eos_token_id': uint32(endId),
    'tokenizer.ggml.unknown_token_id': uint32(unknownId),
    'tokenizer.ggml.add_bos_token': { kind: 'bool', value: true },
    'tokenizer.ggml.add_space_prefix': { kind: 'bool', value: false },
    ...(template !== undefined && { 'tokenizer.chat_template': string(template) }),
  };
}

/** The same numbers from -1 to 1 each time. */
function pseudoRandom(count: number): Float32Array {
  let state = 20_251;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
