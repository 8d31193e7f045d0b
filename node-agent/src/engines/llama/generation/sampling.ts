import type { GenerationRequest, Sampling } from '@waggle/shared/chat/generation-request.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { DrawSettings } from './own-sampler.ts';

/** How tokens are chosen; every setting has a value. */
export interface SamplingPlan extends DrawSettings {
  readonly seed: number;
  readonly repeatPenalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  /** Tokens that penalties look back on; negative: all. */
  readonly repeatLastN: number;
  /** Undefined: no bound. */
  readonly maxTokens: number | undefined;
  readonly stop: readonly string[];
  /** Additions to logits by token. */
  readonly logitBias: ReadonlyMap<number, number>;
  /** Tokens at the begin of a prompt that stay when it is shortened. */
  readonly numKeep: number;
}

/** Ollama's, for both families: its own `/v1` has them too, but for temperature and top_p. */
const defaults = { topK: 40, minP: 0, typicalP: 1, repeatPenalty: 1, repeatLastN: 64, numKeep: 4 } as const;
/** Options that Ollama hands to its runner and that ask for nothing here where they have these values. */
const lostOptions: Readonly<Record<string, readonly unknown[]>> = {
  mirostat: [0],
  tfs_z: [1],
};

/** @throws ClusterError `bad-request` or `unsupported`, naming the field */
export function planSampling(
  sampling: Sampling,
  fallback: { readonly temperature: number; readonly topP: number },
  randomSeed: () => number,
): SamplingPlan {
  const { n, maxTokens, options = {} } = sampling;
  if (n !== undefined && n !== 1) throw refuse('n', 'the built-in engine gives one answer at a time; n must be 1');
  for (const [name, nothing] of Object.entries(lostOptions)) {
    const value = options[name];
    if (value !== undefined && !nothing.includes(value)) throw refuse(name, `the built-in engine knows no ${name}`);
  }
  const numKeep = options['num_keep'];
  return {
    temperature: inRange('temperature', Math.max(0, sampling.temperature ?? fallback.temperature), 0, 100),
    topK: Math.max(0, Math.trunc(sampling.topK ?? defaults.topK)),
    topP: inRange('top_p', sampling.topP ?? fallback.topP, 0, Number.POSITIVE_INFINITY),
    minP: inRange('min_p', sampling.minP ?? defaults.minP, 0, 1),
    typicalP: inRange('typical_p', sampling.typicalP ?? defaults.typicalP, 0, Number.POSITIVE_INFINITY),
    seed: toSeed(sampling.seed) ?? randomSeed(),
    repeatPenalty: inRange('repeat_penalty', sampling.repeatPenalty ?? defaults.repeatPenalty, 0, 100),
    frequencyPenalty: inRange('frequency_penalty', sampling.frequencyPenalty ?? 0, -100, 100),
    presencePenalty: inRange('presence_penalty', sampling.presencePenalty ?? 0, -100, 100),
    repeatLastN: Math.trunc(sampling.repeatLastN ?? defaults.repeatLastN),
    maxTokens: maxTokens === undefined ? undefined : Math.trunc(maxTokens),
    stop: sampling.stop ?? [],
    logitBias: toBias(sampling.logitBias),
    numKeep: typeof numKeep === 'number' ? Math.trunc(numKeep) : defaults.numKeep,
  };
}

export function hasPenalty({ repeatPenalty, frequencyPenalty, presencePenalty, repeatLastN }: SamplingPlan): boolean {
  return repeatLastN !== 0 && (repeatPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0);
}

/** What no model of this engine can do. @throws ClusterError `unsupported` */
export function refuseUnable(request: GenerationRequest): void {
  if (request.kind === 'embedding') return;
  const images =
    request.kind === 'chat'
      ? request.messages.some(({ content }) => content.some(({ type }) => type === 'image'))
      : request.images !== undefined;
  if (images) throw refuse('images', 'the built-in engine reads no images');
  if (request.kind === 'generate') {
    if (request.template !== undefined) {
      throw refuse('template', "the built-in engine takes the model's own chat template and no other");
    }
    if (request.echo === true && request.logprobs === true) {
      throw refuse('echo', 'the built-in engine has no log probabilities of the prompt');
    }
  }
}

/** -1, as Ollama has it, is a seed that nobody chose. */
function toSeed(seed: number | undefined): number | undefined {
  return seed === undefined || seed === -1 ? undefined : Math.abs(Math.trunc(seed)) % 4_294_967_295;
}

function toBias(bias: Sampling['logitBias']): ReadonlyMap<number, number> {
  const map = new Map<number, number>();
  for (const [token, by] of Object.entries(bias ?? {})) {
    const id = Number(token);
    if (!Number.isInteger(id) || id < 0)
      throw badRequest('logit_bias', `logit_bias names ${JSON.stringify(token)}, which is no token`);
    map.set(id, inRange('logit_bias', by, -100, 100));
  }
  return map;
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw badRequest(
    name,
    Number.isFinite(most) ? `${name} must be between ${least} and ${most}` : `${name} must be at least ${least}`,
  );
}

function badRequest(param: string, message: string): ClusterError {
  return new ClusterError('bad-request', message, { details: { param } });
}

function refuse(param: string, message: string): ClusterError {
  return new ClusterError('unsupported', message, { details: { param } });
}
