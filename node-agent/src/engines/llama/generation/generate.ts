import type { ChatEvent, FinishReason, Timings, Usage } from '@waggle/shared/chat/chat-event.ts';
import type { ChatRequest, TextRequest } from '@waggle/shared/chat/generation-request.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import type { ModelWork, RunEnd } from '../process/protocol.ts';
import { AnswerPipe } from './answer-pipe.ts';
import type { LoadedText } from './loaded-text.ts';
import { drawToken, seededRandom } from './own-sampler.ts';
import type { Prompt } from './prompt.ts';
import type { RunControl } from './run-control.ts';
import { planSampling, refuseUnable, type SamplingPlan } from './sampling.ts';
import { toLogprob } from './token-choice.ts';
import { TokenText } from './token-text.ts';
import { ToolReader } from './tools/tool-reader.ts';

/** An answer that may go on for ever ends after so many times its context. */
const endlessContexts = 10;

/** One answer: the prompt is read, then one token after the other is chosen, until something ends it. */
export async function generate(
  work: ModelWork & { readonly request: ChatRequest | TextRequest },
  loaded: LoadedText,
  control: RunControl,
  emit: (events: readonly ChatEvent[]) => void,
): Promise<RunEnd> {
  const begunAt = performance.now();
  const { request } = work;
  refuseUnable(request);
  const plan = planSampling(request.sampling, work.defaults, () => Math.floor(Math.random() * 4_294_967_295));
  const { prompt, tokens } = loaded.toPromptTokens(request, { ...work, numKeep: plan.numKeep });
  const choice = await loaded.toTokenChoice(request, plan, prompt);
  const sequence = await loaded.takeSequence(tokens, control);
  if (sequence === undefined) return { outcome: 'cancelled' };
  try {
    const cachedTokens = await loaded.readPrompt(sequence, tokens, control);
    const isRead = cachedTokens !== undefined;
    const usage = (completionTokens: number): Usage => ({
      promptTokens: tokens.length,
      completionTokens,
      ...(isRead ? { cachedTokens } : {}),
    });
    if (!isRead) return { outcome: 'cancelled', usage: usage(0) };
    const answer = new Answer({ work, loaded, prompt, promptTokens: tokens, plan, sequence, control, emit });
    const finishReason = await answer.run(choice);
    const timings: Timings = {
      totalMs: performance.now() - begunAt,
      prefillMs: answer.firstTokenAt - begunAt,
      decodeMs: performance.now() - answer.firstTokenAt,
    };
    const spent = usage(answer.count);
    if (finishReason === undefined) return { outcome: 'cancelled', usage: spent, timings };
    const { stopSequence } = answer;
    const hasContext = request.kind === 'generate' && request.raw !== true;
    emit([
      {
        type: 'response-end',
        finishReason,
        usage: spent,
        timings,
        ...(stopSequence === undefined ? {} : { stopSequence }),
        ...(hasContext ? { context: [...tokens, ...answer.said] } : {}),
      },
    ]);
    return { outcome: 'done', usage: spent, timings };
  } finally {
    loaded.giveBack(sequence);
  }
}

interface AnswerParts {
  readonly work: ModelWork & { readonly request: ChatRequest | TextRequest };
  readonly loaded: LoadedText;
  readonly prompt: Prompt;
  readonly promptTokens: readonly Token[];
  readonly plan: SamplingPlan;
  readonly sequence: LlamaContextSequence;
  readonly control: RunControl;
  readonly emit: (events: readonly ChatEvent[]) => void;
}

/** How tokens of one answer are chosen: by the library, or from the whole distribution that it tells. */
export interface TokenChoice {
  readonly options: Parameters<LlamaContextSequence['evaluateWithMetadata']>[2];
  /** Needs the distribution: for log probabilities, and for what the library's sampler cannot do. */
  readonly needsProbabilities: boolean;
  /** Drawn here; the library's own choice is set aside. */
  readonly isDrawnHere: boolean;
  /** Called before each token: what penalties look back on, and whether a grammar binds by now. */
  readonly observe: (state: { readonly tokens: readonly Token[]; readonly isAnswering: boolean }) => void;
}

class Answer {
  readonly #parts: AnswerParts;
  readonly #pipe: AnswerPipe;
  readonly #text: TokenText<Token>;
  readonly said: Token[] = [];
  #ends = 0;
  firstTokenAt = 0;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
    const { loaded, prompt, plan, work } = parts;
    const { toolForm, thinking, marks } = loaded.template;
    const tools =
      toolForm !== undefined && prompt.tools.length > 0 ? new ToolReader(toolForm, prompt.tools) : undefined;
    this.#pipe = new AnswerPipe({
      stop: plan.stop,
      thinking: work.request.kind === 'generate' && work.request.raw === true ? undefined : thinking,
      isThinking: prompt.isThinking,
      tools,
      isOneCall: work.request.kind === 'chat' && work.request.parallelToolCalls === false,
    });
    this.#text = new TokenText<Token>(loaded.model, marks);
  }

  /** Tokens that were computed, with the one that ended it: so engines count. */
  get count(): number {
    return this.said.length + this.#ends;
  }

  get stopSequence(): string | undefined {
    return this.#pipe.stopSequence;
  }

  /** Why it ended; undefined: it was cancelled. */
  async run(choice: TokenChoice): Promise<FinishReason | undefined> {
    const { work, prompt, promptTokens, emit } = this.#parts;
    const { request } = work;
    if (request.kind === 'generate' && request.echo === true) emit([{ type: 'text-delta', text: request.prompt }]);
    if (prompt.begun !== '') emit(this.#pipe.push(prompt.begun));
    const reason = await this.#decode(choice, promptTokens);
    if (this.firstTokenAt === 0) this.firstTokenAt = performance.now();
    if (reason === undefined) return undefined;
    const rest = [...this.#pipe.push(this.#text.finish()), ...this.#pipe.finish()];
    if (rest.length > 0) emit(rest);
    return this.#pipe.calls > 0 && reason === 'stop' ? 'tool-calls' : reason;
  }

  async #decode(choice: TokenChoice, promptTokens: readonly Token[]): Promise<FinishReason | undefined> {
    const { loaded, plan, sequence, control, emit, work } = this.#parts;
    const mostTokens = plan.maxTokens ?? endlessContexts * loaded.numCtx;
    const random = seededRandom(plan.seed);
    const all = [...promptTokens];
    const last = all.at(-1);
    if (last === undefined) return 'stop';
    const tokens = sequence.evaluateWithMetadata([last], { probabilities: choice.needsProbabilities }, choice.options);
    let feed: Token | undefined;
    try {
      for (;;) {
        if (control.isCancelled) return undefined;
        if (this.count >= mostTokens) return 'length';
        if (sequence.nextTokenIndex >= loaded.numCtx - 1 && !work.shifts) return 'length';
        await control.whenWanted();
        if (control.isCancelled) return undefined;
        choice.observe({ tokens: all, isAnswering: this.#pipe.isAnswering });
        const next = await (feed === undefined ? tokens.next() : tokens.next(feed));
        if (this.firstTokenAt === 0) this.firstTokenAt = performance.now();
        if (next.done === true) return this.#stopped();
        const probabilities = toProbabilities(next.value);
        let { token } = next.value;
        if (choice.isDrawnHere && probabilities !== undefined) token = drawToken(probabilities, plan, random) ?? token;
        if (loaded.model.isEogToken(token)) return this.#stopped();
        feed = choice.isDrawnHere ? token : undefined;
        all.push(token);
        this.said.push(token);
        const { logprobs, topLogprobs = 0 } = work.request;
        const logprob =
          logprobs === true && probabilities !== undefined
            ? toLogprob(token, probabilities, { model: loaded.model, top: topLogprobs })
            : undefined;
        const events = this.#pipe.push(this.#text.push(token), logprob);
        if (events.length > 0) emit(events);
        if (this.#pipe.isOver) return 'stop';
      }
    } catch (cause) {
      if (control.isCancelled) return undefined;
      throw new ClusterError('engine-failed', `the model could not go on: ${String(cause)}`, { cause });
    } finally {
      await tokens.return();
    }
  }

  #stopped(): FinishReason {
    this.#ends = 1;
    return 'stop';
  }
}

/** The library's type tells this from the options of the call alone. */
function toProbabilities(output: object): ReadonlyMap<Token, number> | undefined {
  return 'probabilities' in output && output.probabilities instanceof Map ? output.probabilities : undefined;
}
