import { overlapWithEnd } from './overlap.ts';

/** How a template writes thinking. */
export interface ThinkingMarks {
  readonly open: string;
  readonly close: string;
  /** What an answer begins with, where that is marked as well. */
  readonly answer?: string;
}

export interface SplitText {
  readonly thinking: string;
  readonly text: string;
}

/** Tells thinking from the answer, in text that comes in pieces. */
export interface AnswerSplit {
  /** Nothing that follows is thinking. */
  readonly isAnswering: boolean;
  push(text: string): SplitText;
  /** What was held back. */
  finish(): SplitText;
}

const nothing: SplitText = { thinking: '', text: '' };

/** Only what an answer begins with is thinking; blank space around the marks is nobody's. */
export class ThinkingSplit implements AnswerSplit {
  readonly #marks: ThinkingMarks | undefined;
  #state: 'begin' | 'thinking' | 'thought' | 'answer';
  #held = '';
  #hasThought = false;

  /** `isOpen`: the prompt ends with the mark that opens thinking. */
  constructor(marks: ThinkingMarks | undefined, isOpen: boolean) {
    this.#marks = marks;
    this.#state = marks === undefined ? 'answer' : isOpen ? 'thinking' : 'begin';
  }

  get isAnswering(): boolean {
    return this.#state === 'answer' || this.#state === 'thought';
  }

  push(text: string): SplitText {
    if (this.#marks === undefined || this.#state === 'answer') return { thinking: '', text };
    const { open, close } = this.#marks;
    let seen = this.#held + text;
    this.#held = '';
    if (this.#state === 'begin') {
      const begun = seen.trimStart();
      if (begun.length < open.length && open.startsWith(begun)) {
        this.#held = seen;
        return nothing;
      }
      if (!begun.startsWith(open)) {
        this.#state = 'answer';
        return { thinking: '', text: seen };
      }
      this.#state = 'thinking';
      seen = begun.slice(open.length);
    }
    if (this.#state === 'thought') return { thinking: '', text: this.#afterThought(seen) };
    const end = seen.indexOf(close);
    if (end === -1) {
      const held = overlapWithEnd(seen, close);
      // Blank space before the closing mark is not told apart from that within before more is known.
      const certain = seen.slice(0, seen.length - held).trimEnd();
      this.#held = seen.slice(certain.length);
      return { thinking: this.#think(certain), text: '' };
    }
    this.#state = 'thought';
    const thinking = this.#think(seen.slice(0, end).trimEnd());
    return { thinking, text: this.#afterThought(seen.slice(end + close.length)) };
  }

  finish(): SplitText {
    const held = this.#held;
    this.#held = '';
    if (this.#state === 'thinking') return { thinking: this.#think(held.trimEnd()), text: '' };
    return { thinking: '', text: this.#state === 'begin' ? held : '' };
  }

  #think(text: string): string {
    const thought = this.#hasThought ? text : text.trimStart();
    if (thought !== '') this.#hasThought = true;
    return thought;
  }

  #afterThought(text: string): string {
    const answer = text.trimStart();
    if (answer !== '') this.#state = 'answer';
    return answer;
  }
}
