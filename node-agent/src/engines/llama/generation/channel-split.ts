import { overlapWithEnd } from './overlap.ts';
import type { AnswerSplit, SplitText, ThinkingMarks } from './thinking-split.ts';
import type { ToolForm } from './tools/tool-form.ts';

/** A turn that is written as several messages, each with a header that names its channel (`harmony`): what of it is thinking, and what the answer. */
export const channelMarks: ThinkingMarks = {
  open: '<|channel|>analysis<|message|>',
  close: '<|end|>',
  answer: '<|channel|>final<|message|>',
};

/** A message to a function, as `ChannelSplit` hands it on; models write its header in several ways. */
export const channelCalls: ToolForm & { readonly kind: 'parts' } = {
  kind: 'parts',
  open: '<|channel|>commentary to=functions.',
  afterName: ' <|constrain|>json<|message|>',
  beforeArguments: '',
  close: '',
};

const headerEnd = '<|message|>';
/** Longer ones are text. */
const headerMaxLength = 500;

/** Tells the messages of a turn apart. Calls are part of the text, in the form of `channelCalls`. */
export class ChannelSplit implements AnswerSplit {
  #state: 'header' | 'thinking' | 'answer';
  #held = '';
  #isBegun: boolean;

  /** `isOpen`: the prompt ends with the header of thinking. */
  constructor(isOpen: boolean) {
    this.#state = isOpen ? 'thinking' : 'header';
    this.#isBegun = isOpen;
  }

  get isAnswering(): boolean {
    return this.#state === 'answer';
  }

  push(text: string): SplitText {
    this.#held += text;
    let [thinking, answer] = ['', ''];
    for (;;) {
      if (this.#state === 'header') {
        const called = this.#takeHeader();
        if (called === undefined) break;
        answer += called;
      }
      const body = this.#takeBody();
      if (this.isAnswering) answer += body.text;
      else thinking += body.text;
      if (!body.isOver) break;
      this.#state = 'header';
    }
    return { thinking, text: answer };
  }

  finish(): SplitText {
    const held = this.#held;
    this.#held = '';
    if (this.#state === 'thinking') return { thinking: held, text: '' };
    return { thinking: '', text: this.#state === 'answer' || !this.#isBegun ? held : '' };
  }

  /** What stands for the header in the text. Undefined: it is not complete. */
  #takeHeader(): string | undefined {
    const end = this.#held.indexOf(headerEnd);
    if (end === -1) {
      const begun = this.#held.trimStart();
      const isHeader = ['<', 'assistant', 'to='].some((word) => begun.startsWith(word) || word.startsWith(begun));
      if (this.#held.length <= headerMaxLength && (this.#isBegun || isHeader)) return undefined;
      this.#begin('answer');
      return '';
    }
    const header = this.#held.slice(0, end);
    this.#held = this.#held.slice(end + headerEnd.length);
    const called = /\bto=(?:functions\.)?([\w.-]+)/.exec(header)?.[1];
    const channel = /<\|channel\|>\s*(\w+)/.exec(header)?.[1];
    this.#begin(channel === 'analysis' && called === undefined ? 'thinking' : 'answer');
    return called === undefined ? '' : channelCalls.open + called + channelCalls.afterName;
  }

  #begin(state: 'thinking' | 'answer'): void {
    this.#state = state;
    this.#isBegun = true;
  }

  #takeBody(): { readonly text: string; readonly isOver: boolean } {
    const end = this.#held.indexOf(channelMarks.close);
    const isOver = end !== -1;
    const length = isOver ? end : this.#held.length - overlapWithEnd(this.#held, channelMarks.close);
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(isOver ? end + channelMarks.close.length : length);
    return { text, isOver };
  }
}
