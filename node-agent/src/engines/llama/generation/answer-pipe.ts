import { randomBytes } from 'node:crypto';
import type { ChatEvent, TokenLogprob } from '@waggle/shared/chat/chat-event.ts';
import { ChannelSplit } from './channel-split.ts';
import { StopStrings } from './stop-strings.ts';
import { type AnswerSplit, type SplitText, type ThinkingMarks, ThinkingSplit } from './thinking-split.ts';
import type { ReadPart, ToolReader } from './tools/tool-reader.ts';

export interface AnswerPipeOptions {
  readonly stop: readonly string[];
  readonly thinking: ThinkingMarks | undefined;
  /** The prompt ends within thinking. */
  readonly isThinking: boolean;
  readonly tools: ToolReader | undefined;
  /** The first call ends the answer. */
  readonly isOneCall: boolean;
}

/**
 * From the text of tokens to events: stop strings end it, thinking is told apart, calls are found. Log probabilities go with the
 * text their tokens became; those of thinking, calls and marks are left out.
 */
export class AnswerPipe {
  readonly #options: AnswerPipeOptions;
  readonly #stops: StopStrings;
  readonly #thinking: AnswerSplit;
  #logprobs: TokenLogprob[] = [];
  #calls = 0;

  constructor(options: AnswerPipeOptions) {
    this.#options = options;
    this.#stops = new StopStrings(options.stop);
    const { thinking, isThinking } = options;
    this.#thinking =
      thinking?.answer === undefined ? new ThinkingSplit(thinking, isThinking) : new ChannelSplit(isThinking);
  }

  /** Nothing that comes now would be part of the answer. */
  get isOver(): boolean {
    return this.stopSequence !== undefined || (this.#options.isOneCall && this.#calls > 0);
  }

  /** The client's own text that the answer stopped at. */
  get stopSequence(): string | undefined {
    return this.#stops.found;
  }

  get calls(): number {
    return this.#calls;
  }

  /** The thinking, if there is any, is done. */
  get isAnswering(): boolean {
    return this.#thinking.isAnswering;
  }

  push(text: string, logprob?: TokenLogprob): readonly ChatEvent[] {
    if (logprob !== undefined) this.#logprobs.push(logprob);
    const certain = this.#stops.push(text);
    return certain === '' ? [] : this.#split(this.#thinking.push(certain));
  }

  finish(): readonly ChatEvent[] {
    const events = [...this.#split(this.#thinking.push(this.#stops.finish()))];
    events.push(...this.#split(this.#thinking.finish()));
    for (const part of this.#options.tools?.finish() ?? []) this.#add(events, part);
    return events;
  }

  #split({ thinking, text }: SplitText): readonly ChatEvent[] {
    const events: ChatEvent[] = [];
    if (thinking !== '') {
      events.push({ type: 'thinking-delta', text: thinking });
      this.#logprobs = [];
    }
    if (text === '') return events;
    const parts: readonly ReadPart[] = this.#options.tools?.push(text) ?? [{ type: 'text', text }];
    for (const part of parts) this.#add(events, part);
    return events;
  }

  #add(events: ChatEvent[], part: ReadPart): void {
    if (this.#options.isOneCall && this.#calls > 0) return;
    const logprobs = this.#logprobs;
    this.#logprobs = [];
    if (part.type === 'text') {
      events.push({ type: 'text-delta', text: part.text, ...(logprobs.length === 0 ? {} : { logprobs }) });
      return;
    }
    // Nine characters of letters and digits: some templates take no other id back.
    const id = `call${randomBytes(4).toString('hex').slice(0, 5)}`;
    events.push({ type: 'tool-call', call: { index: this.#calls++, id, ...part.call } });
  }
}
