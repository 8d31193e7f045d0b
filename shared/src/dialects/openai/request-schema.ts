import { z } from 'zod';

/** Null counts as absent. Fields not named here go on to the engine as they are. */
const text = z.string().nullish();
const flag = z.boolean().nullish();
const integer = z.int().nullish();
const anyNumber = z.number().nullish();

const generation = {
  model: z.string().regex(/\S/),
  stream: flag,
  stream_options: z.looseObject({ include_usage: flag }).nullish(),
  max_tokens: integer,
  seed: integer,
  stop: z.unknown().optional().describe('A text or several.'),
  temperature: anyNumber,
  top_p: anyNumber,
  frequency_penalty: anyNumber,
  presence_penalty: anyNumber,
};

const part = z.looseObject({ type: z.unknown().optional(), text: z.unknown().optional() });

const message = z.looseObject({
  role: text,
  content: z
    .union([z.string(), z.array(part)])
    .nullish()
    .describe('A text, or parts of type text, image_url and input_audio.'),
  name: text,
  tool_calls: z.array(z.unknown()).nullish(),
  tool_call_id: text,
});

const chatRequest = z.looseObject({
  ...generation,
  messages: z.array(message).min(1),
  max_completion_tokens: integer,
  tools: z.array(z.unknown()).nullish(),
  tool_choice: z.unknown().optional().describe('"none", "auto", "required" or {type: "function", function: {name}}.'),
  response_format: z.record(z.string(), z.unknown()).nullish(),
  reasoning_effort: text,
  reasoning: z.looseObject({ effort: text }).nullish(),
  logprobs: flag,
  top_logprobs: z.int().min(0).max(20).nullish(),
});

const completionRequest = z.looseObject({
  ...generation,
  prompt: z.union([z.string(), z.array(z.unknown())]).nullish(),
  suffix: text,
  logprobs: integer,
});

const embeddingsRequest = z.looseObject({
  model: z.string().regex(/\S/),
  input: z.union([z.string(), z.array(z.unknown()).min(1)]).describe('A text, several, a list of tokens or several.'),
  dimensions: integer,
  encoding_format: z.union([z.literal(''), z.string().regex(/^(?:float|base64)$/i)]).nullish(),
});

/** Bodies of the endpoints. `inspectRequest` accepts and refuses what these do, at a fraction of their cost. */
export const requestSchemas = {
  'openai.chat': chatRequest,
  'openai.completions': completionRequest,
  'openai.embeddings': embeddingsRequest,
} as const;
