import type { StartOptions } from '../../cluster/job.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { checkNumber } from '../json/go-json.ts';

/** Type of each of Ollama's options, in its own words. Options it does not know it ignores. */
const optionTypes: Readonly<Record<string, 'integer' | 'float32' | 'boolean' | 'array'>> = {
  num_keep: 'integer',
  seed: 'integer',
  num_predict: 'integer',
  top_k: 'integer',
  top_p: 'float32',
  min_p: 'float32',
  typical_p: 'float32',
  repeat_last_n: 'integer',
  temperature: 'float32',
  repeat_penalty: 'float32',
  presence_penalty: 'float32',
  frequency_penalty: 'float32',
  stop: 'array',
  num_ctx: 'integer',
  num_batch: 'integer',
  num_gpu: 'integer',
  main_gpu: 'integer',
  use_mmap: 'boolean',
  num_thread: 'integer',
  draft_num_predict: 'integer',
};

/** Options the runner is started with as 32-bit integers: it ends at once with more, and takes its model along. */
const startIntegers: ReadonlySet<string> = new Set(['num_batch', 'num_gpu', 'main_gpu', 'num_thread']);
const mostInt32 = 2 ** 31 - 1;

/** Throws `bad-request` with Ollama's text for an option of the wrong type. A fraction where an integer belongs is cut off there. */
export function checkOptions(options: Readonly<Record<string, unknown>>, place: string): void {
  for (const name in options) {
    const value = options[name];
    if (value === null || value === undefined) continue;
    if (typeof value === 'number') checkNumber(value, place);
    const type = Object.hasOwn(optionTypes, name) ? optionTypes[name] : undefined;
    if (type === undefined) continue;
    if (isOfType(value, type)) {
      if (typeof value === 'number' && value > mostInt32 && startIntegers.has(name)) throw tooLarge(name);
      continue;
    }
    const isMixed = type === 'array' && Array.isArray(value);
    throw new ClusterError(
      'bad-request',
      `option ${JSON.stringify(name)} must be of ${isMixed ? 'an array of strings' : `type ${type}`}`,
      { details: { param: `options.${name}` } },
    );
  }
}

/** Of checked options those that a model is started with, num_ctx apart; undefined: none. */
export function readStartOptions(options: Readonly<Record<string, unknown>>): StartOptions | undefined {
  let found: Record<string, number | boolean> | undefined;
  for (const name in options) {
    const value = options[name];
    if (typeof value === 'number' && startIntegers.has(name)) (found ??= {})[name] = Math.trunc(value);
    else if (typeof value === 'boolean' && name === 'use_mmap') (found ??= {})[name] = value;
  }
  return found;
}

function isOfType(value: unknown, type: 'integer' | 'float32' | 'boolean' | 'array'): boolean {
  if (type === 'boolean') return typeof value === 'boolean';
  if (type === 'array') return Array.isArray(value) && value.every((item) => typeof item === 'string');
  return typeof value === 'number';
}

function tooLarge(name: string): ClusterError {
  return new ClusterError('bad-request', `option ${JSON.stringify(name)} must be at most ${mostInt32}`, {
    details: { param: `options.${name}` },
  });
}
