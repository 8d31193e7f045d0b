import type { ChatRequest, TextRequest } from '@waggle/shared/chat/generation-request.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type {
  Llama,
  LlamaContext,
  LlamaContextSequence,
  LlamaGrammarEvaluationState,
  LlamaModel,
  Token,
} from 'node-llama-cpp';
import type { ChatTemplate } from './chat-template.ts';
import { cutTokens, halfBeside } from './fit-prompt.ts';
import type { TokenChoice } from './generate.ts';
import { PrefillPace } from './prefill-pace.ts';
import { type Prompt, toPrompt } from './prompt.ts';
import type { RunControl } from './run-control.ts';
import { hasPenalty, type SamplingPlan } from './sampling.ts';

type Library = typeof import('node-llama-cpp');

export interface LoadedTextOptions {
  readonly library: Library;
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly template: ChatTemplate;
  /** Tokens that a prompt and its answer may take together. */
  readonly numCtx: number;
}

/** Copies of the state that models need which cannot go back to an earlier token otherwise. */
const checkpoints = { max: 8, maxMemory: 512 * 1024 * 1024 } as const;

/** Tokens of a context that cannot be kept. */
const leastBesideKept = 4;

/** A model that answers with text: the owner of its sequences, each of which remembers the tokens it computed last. */
export class LoadedText {
  readonly model: LlamaModel;
  readonly template: ChatTemplate;
  readonly numCtx: number;
  readonly #library: Library;
  readonly #llama: Llama;
  readonly #free: LlamaContextSequence[];
  readonly #pace: PrefillPace;
  #waiting: (() => void)[] = [];

  constructor({ library, llama, model, context, template, numCtx }: LoadedTextOptions) {
    this.model = model;
    this.template = template;
    this.numCtx = numCtx;
    this.#library = library;
    this.#llama = llama;
    this.#pace = new PrefillPace(context.batchSize);
    this.#free = Array.from({ length: context.totalSequences }, () => context.getSequence({ checkpoints }));
  }

  /** @throws ClusterError for what the model cannot do, `context-length-exceeded` where nothing may be left out */
  toPromptTokens(
    request: ChatRequest | TextRequest,
    options: { readonly truncates: boolean; readonly shifts: boolean; readonly numKeep: number },
  ): { readonly prompt: Prompt; readonly tokens: readonly Token[] } {
    // One place is for the first token of the answer.
    const mostTokens = this.numCtx - 1;
    const countTokens = (text: string) => this.#tokenize(text).length;
    const prompt = toPrompt(request, this.template, { truncates: options.truncates, mostTokens, countTokens });
    const vocabulary = this.model.fileInfo.metadata.tokenizer.ggml.tokens.length;
    for (const token of prompt.context) {
      if (Number.isInteger(token) && token >= 0 && token < vocabulary) continue;
      throw new ClusterError('bad-request', `context has ${token}, which is no token of this model`, {
        details: { param: 'context' },
      });
    }
    const written = prompt.infill === undefined ? this.#tokenize(prompt.text) : this.#toInfill(prompt.infill);
    const tokens = [...(prompt.context as readonly Token[]), ...written];
    if (tokens.length === 0) throw new ClusterError('bad-request', 'there is nothing to answer');
    if (tokens.length <= mostTokens) return { prompt, tokens };
    // An answer that must not forget anything has nothing to do with a prompt that lost its middle.
    if (!options.truncates || !options.shifts) {
      const message = `the input length exceeds the context length: ${tokens.length} tokens, where ${mostTokens} have room`;
      throw new ClusterError('context-length-exceeded', message);
    }
    return { prompt, tokens: cutTokens(tokens, this.numCtx, this.#kept(options.numKeep)) };
  }

  async toTokenChoice(request: ChatRequest | TextRequest, plan: SamplingPlan, prompt: Prompt): Promise<TokenChoice> {
    const { repeatLastN, temperature } = plan;
    const kept = this.#kept(plan.numKeep);
    const needsProbabilities = request.logprobs === true || plan.typicalP < 1;
    const grammar = prompt.grammar && (await this.#toGrammar(prompt.grammar.text));
    // What is told of a distribution that was bent by a temperature is not the model's.
    const isDrawnHere = needsProbabilities && temperature > 0 && grammar === undefined;
    if (plan.typicalP < 1 && grammar !== undefined) {
      throw new ClusterError('unsupported', 'the built-in engine has no typical_p where a format binds the answer', {
        details: { param: 'typical_p' },
      });
    }
    let recent: readonly Token[] = [];
    let isBound = prompt.grammar?.isAfterThinking !== true;
    return {
      needsProbabilities,
      isDrawnHere,
      options: {
        temperature: isDrawnHere ? 0 : temperature,
        topK: plan.topK,
        topP: Math.min(1, plan.topP),
        minP: plan.minP,
        seed: plan.seed,
        // Where they are drawn here, an end that the library chose is not yet one.
        yieldEogToken: isDrawnHere,
        ...(grammar === undefined ? {} : { grammarEvaluationState: () => (isBound ? grammar : undefined) }),
        ...(hasPenalty(plan)
          ? {
              repeatPenalty: {
                penalty: plan.repeatPenalty,
                frequencyPenalty: plan.frequencyPenalty,
                presencePenalty: plan.presencePenalty,
                maxPunishTokens: repeatLastN < 0 ? this.numCtx : repeatLastN,
                punishTokens: () => [...recent],
              },
            }
          : {}),
        ...(plan.logitBias.size === 0 ? {} : { tokenBias: this.#toBias(plan.logitBias) }),
        contextShift: {
          size: halfBeside(this.numCtx, kept),
          strategy: ({ size }) => [{ start: kept, end: kept + size }],
        },
      },
      observe: ({ tokens, isAnswering }) => {
        if (hasPenalty(plan)) recent = repeatLastN < 0 ? tokens : tokens.slice(-repeatLastN);
        if (isAnswering) isBound = true;
      },
    };
  }

  /** The free sequence that computed most of these tokens already. Undefined: the run was cancelled meanwhile. */
  async takeSequence(tokens: readonly Token[], control: RunControl): Promise<LlamaContextSequence | undefined> {
    while (this.#free.length === 0 && !control.isCancelled) {
      await control.until(new Promise<void>((resolve) => this.#waiting.push(resolve)));
    }
    if (control.isCancelled) return undefined;
    const shared = this.#free.map((sequence) => sharedLength(sequence, tokens));
    const best = shared.indexOf(Math.max(...shared));
    return this.#free.splice(best, 1)[0];
  }

  giveBack(sequence: LlamaContextSequence): void {
    // The one that was used last is the last to be taken by what shares nothing with any.
    this.#free.push(sequence);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /**
   * Computes all but the last token, piece by piece. Gives the tokens that were computed before; undefined: it was cancelled.
   */
  async readPrompt(
    sequence: LlamaContextSequence,
    tokens: readonly Token[],
    control: RunControl,
  ): Promise<number | undefined> {
    const toRead = tokens.slice(0, -1);
    await sequence.adaptStateToTokens(toRead, false);
    const cached = sequence.nextTokenIndex;
    while (sequence.nextTokenIndex < toRead.length) {
      if (control.isCancelled) return undefined;
      const at = sequence.nextTokenIndex;
      const piece = toRead.slice(at, at + this.#pace.tokens);
      const isWhole = piece.length === this.#pace.tokens;
      const begunAt = performance.now();
      await sequence.evaluateWithoutGeneratingNewTokens(piece);
      if (isWhole) this.#pace.took(performance.now() - begunAt);
    }
    if (control.isCancelled) return undefined;
    await sequence.takeCheckpoint();
    return cached;
  }

  /** Tokens that stay however full the context gets; some are always left for what is said. */
  #kept(numKeep: number): number {
    return Math.max(0, Math.min(numKeep, this.numCtx - leastBesideKept));
  }

  #tokenize(text: string): readonly Token[] {
    const tokens = this.model.tokenize(text, true);
    const { bos, shouldPrependBosToken } = this.model.tokens;
    return shouldPrependBosToken && bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens;
  }

  #toInfill({ prefix, suffix }: { readonly prefix: string; readonly suffix: string }): readonly Token[] {
    const { infill, bos, shouldPrependBosToken } = this.model.tokens;
    if (infill.prefix === null || infill.suffix === null) {
      throw new ClusterError('bad-request', 'this model does not support insert', { details: { param: 'suffix' } });
    }
    return [
      ...(shouldPrependBosToken && bos !== null ? [bos] : []),
      infill.prefix,
      ...this.model.tokenize(prefix),
      infill.suffix,
      ...this.model.tokenize(suffix),
      ...(infill.middle === null ? [] : [infill.middle]),
    ];
  }

  async #toGrammar(text: string): Promise<LlamaGrammarEvaluationState> {
    try {
      const grammar = await this.#llama.createGrammar({ grammar: text });
      return new this.#library.LlamaGrammarEvaluationState({ model: this.model, grammar });
    } catch (cause) {
      throw new ClusterError('unsupported', `the format cannot be held: ${String(cause)}`, {
        cause,
        details: { param: 'format' },
      });
    }
  }

  #toBias(biases: ReadonlyMap<number, number>): InstanceType<Library['TokenBias']> {
    const vocabulary = this.model.fileInfo.metadata.tokenizer.ggml.tokens.length;
    const bias = this.#library.TokenBias.for(this.model);
    for (const [token, logit] of biases) {
      const isToken = token < vocabulary && !this.model.isEogToken(token as Token);
      if (!isToken) {
        const message = `logit_bias cannot weigh ${token}: it is no token of this model, or ends answers`;
        throw new ClusterError('unsupported', message, { details: { param: 'logit_bias' } });
      }
      bias.set(token as Token, { logit });
    }
    return bias;
  }
}

function sharedLength(sequence: LlamaContextSequence, tokens: readonly Token[]): number {
  const known = sequence.contextTokens;
  const length = Math.min(known.length, tokens.length);
  let shared = 0;
  while (shared < length && known[shared] === tokens[shared]) shared++;
  return shared;
}
