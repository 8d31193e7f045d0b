import { OllamaRefusal } from './ollama-refusal.ts';

type Options = Readonly<Record<string, unknown>>;

const kinds: Readonly<Record<string, 'integer' | 'float32' | 'boolean' | 'array'>> = {
  num_ctx: 'integer',
  num_batch: 'integer',
  num_gpu: 'integer',
  main_gpu: 'integer',
  num_thread: 'integer',
  use_mmap: 'boolean',
  num_keep: 'integer',
  num_predict: 'integer',
  seed: 'integer',
  top_k: 'integer',
  repeat_last_n: 'integer',
  temperature: 'float32',
  top_p: 'float32',
  min_p: 'float32',
  typical_p: 'float32',
  repeat_penalty: 'float32',
  presence_penalty: 'float32',
  frequency_penalty: 'float32',
  stop: 'array',
};

/** Options that a running model cannot change: another value loads it anew. */
const runnerKeys = ['num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'use_mmap'];

/** Runner options; a wrong type of any option is refused with the status 500 that Ollama gives it. */
export function readRunnerOptions(value: unknown): { readonly numCtx: number | undefined; readonly key: string } {
  const options = toOptions(value);
  for (const [name, setting] of Object.entries(options)) checkType(name, setting);
  const key = runnerKeys
    .map((name) => (options[name] === undefined ? '' : `${name}=${JSON.stringify(options[name])};`))
    .join('');
  return { numCtx: typeof options.num_ctx === 'number' ? options.num_ctx : undefined, key };
}

export function readSampling(value: unknown): { readonly maxTokens: number; readonly stop: readonly string[] } {
  const { num_predict: predict, stop } = toOptions(value);
  const limited = typeof predict === 'number' && predict > 0;
  return {
    maxTokens: limited ? Math.floor(predict) : Number.POSITIVE_INFINITY,
    stop: Array.isArray(stop) ? stop.filter((entry) => typeof entry === 'string') : [],
  };
}

/** True if the answer is to be JSON. */
export function checkFormat(format: unknown): boolean {
  if (format === undefined || format === null || format === '') return false;
  if (format === 'json' || (typeof format === 'object' && !Array.isArray(format))) return true;
  const written = JSON.stringify(JSON.stringify(format));
  throw new OllamaRefusal(500, `invalid format: ${written}; expected "json" or a valid JSON Schema object`);
}

function toOptions(value: unknown): Options {
  return typeof value === 'object' && value !== null ? (value as Options) : {};
}

function checkType(name: string, value: unknown): void {
  const kind = kinds[name];
  if (kind === undefined || value === null) return;
  const right = kind === 'array' ? Array.isArray(value) : typeof value === (kind === 'boolean' ? 'boolean' : 'number');
  if (!right) throw new OllamaRefusal(500, `option "${name}" must be of type ${kind}`);
  if (Array.isArray(value) && value.some((entry) => typeof entry !== 'string')) {
    throw new OllamaRefusal(500, `option "${name}" must be of an array of strings`);
  }
}
