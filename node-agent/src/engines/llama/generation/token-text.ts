/** What text is made of: the library's model, as far as it concerns this. */
export interface Detokenizer<Token> {
  detokenize(tokens: readonly Token[], specialTokens?: boolean, lastTokens?: readonly Token[]): string;
  /** A token that stands for no text of an answer. */
  isSpecialToken(token: Token | undefined): boolean;
}

/** Tokens that a character of four bytes may be spread over, and one to spare. */
const longestSpread = 6;
const lastTokensKept = 3;
const unfinished = '\ufffd';

/**
 * The text of tokens one by one. A character whose bytes are spread over several tokens comes whole with the last of them. Of
 * control tokens only those of `marks` have a text: they delimit thinking and tool calls.
 */
export class TokenText<Token> {
  readonly #model: Detokenizer<Token>;
  readonly #marks: readonly string[];
  #pending: Token[] = [];
  #last: Token[] = [];

  constructor(model: Detokenizer<Token>, marks: readonly string[]) {
    this.#model = model;
    this.#marks = marks;
  }

  push(token: Token): string {
    if (this.#model.isSpecialToken(token)) {
      const before = this.finish();
      const text = this.#model.detokenize([token], true).trim();
      return text !== '' && this.#marks.some((mark) => mark.includes(text)) ? before + text : before;
    }
    this.#pending.push(token);
    const text = this.#model.detokenize(this.#pending, false, this.#last);
    if (text.endsWith(unfinished) && this.#pending.length < longestSpread) return '';
    this.#forget();
    return text;
  }

  /** What came of a character that was never finished. */
  finish(): string {
    if (this.#pending.length === 0) return '';
    const text = this.#model.detokenize(this.#pending, false, this.#last);
    this.#forget();
    return text;
  }

  #forget(): void {
    this.#last = [...this.#last, ...this.#pending].slice(-lastTokensKept);
    this.#pending = [];
  }
}
