import { z } from 'zod';
import { parseGoDuration } from '../../streams/go-duration.ts';

/** Ollama takes null for every field as if it were not there, and ignores fields it does not know. */
const text = z.string().nullish();
const flag = z.boolean().nullish();
const integer = z.int().nullish();
const anyNumber = z.number().nullish();
const startNumber = z
  .number()
  .max(2 ** 31 - 1)
  .nullish();

const keepAlive = z
  .union([z.number(), z.string().refine((value) => parseGoDuration(value).ok)])
  .nullish()
  .describe('How long the model stays loaded: seconds or a Go duration; negative for ever, 0 not at all.');

const think = z
  .union([z.boolean(), z.enum(['low', 'medium', 'high', 'max'])])
  .nullish()
  .describe('Whether, or how hard, the model thinks before it answers.');

const options = z
  .looseObject({
    num_keep: anyNumber,
    seed: anyNumber,
    num_predict: anyNumber.describe('Most tokens of the answer; negative: no bound.'),
    top_k: anyNumber,
    top_p: anyNumber,
    min_p: anyNumber,
    typical_p: anyNumber,
    repeat_last_n: anyNumber,
    temperature: anyNumber,
    repeat_penalty: anyNumber,
    presence_penalty: anyNumber,
    frequency_penalty: anyNumber,
    stop: z.array(z.string()).nullish(),
    num_ctx: anyNumber.describe('Context length in tokens.'),
    num_batch: startNumber,
    num_gpu: startNumber,
    main_gpu: startNumber,
    use_mmap: flag,
    num_thread: startNumber,
    draft_num_predict: anyNumber,
  })
  .nullish();

const format = z
  .union([z.enum(['', 'json']), z.record(z.string(), z.unknown())])
  .nullish()
  .describe('"json" or a JSON schema of the answer.');

const images = z.array(z.string().nullable()).nullish().describe('Base64, without a data: prefix.');

const generation = {
  model: z.string().regex(/\S/),
  stream: flag.describe('True unless told.'),
  format,
  keep_alive: keepAlive,
  options,
  think,
  truncate: flag,
  shift: flag,
  logprobs: flag,
  top_logprobs: z.int().min(0).max(20).nullish(),
};

const message = z.looseObject({
  role: text,
  content: text,
  thinking: text,
  images,
  tool_calls: z
    .array(z.unknown())
    .nullish()
    .describe('{id?, function: {name, arguments}}; the arguments are an object.'),
  tool_name: text,
  tool_call_id: text,
});

const chatRequest = z.looseObject({
  ...generation,
  messages: z
    .array(message.nullable())
    .nullish()
    .describe('None: the model is only loaded, or unloaded with keep_alive 0.'),
  tools: z.array(z.unknown()).nullish(),
});

const generateRequest = z.looseObject({
  ...generation,
  prompt: text.describe('Empty: the model is only loaded, or unloaded with keep_alive 0.'),
  suffix: text,
  system: text,
  template: text,
  context: z.array(z.int().nullable()).nullish(),
  raw: flag,
  images,
});

const embedRequest = z.looseObject({
  model: z.string().regex(/\S/),
  input: z.union([z.string(), z.array(z.string())]).nullish(),
  truncate: flag,
  dimensions: integer,
  keep_alive: keepAlive,
  options,
});

const embeddingsRequest = z.looseObject({
  model: z.string().regex(/\S/),
  prompt: text,
  keep_alive: keepAlive,
  options,
});

/** Bodies of the endpoints. `inspectRequest` accepts and refuses what these do, at a fraction of their cost. */
export const requestSchemas = {
  'ollama.chat': chatRequest,
  'ollama.generate': generateRequest,
  'ollama.embed': embedRequest,
  'ollama.embeddings': embeddingsRequest,
} as const;
