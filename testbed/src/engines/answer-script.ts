/** What a model says. `words` is `w0 w1 w2 …`: the reader can check that no word is lost, doubled or moved. */
export type AnswerScript =
  | { readonly kind: 'words'; readonly count: number }
  | { readonly kind: 'text'; readonly text: string }
  /** Repeats the last user message, or the prompt. */
  | { readonly kind: 'echo' }
  /** `w0 w1 …` until the token limit, or until the client leaves. */
  | { readonly kind: 'endless' };

/** Chooses the answer from the last user message (`text`) and the whole prompt as the model sees it. */
export type AnswerChooser = (asked: { readonly text: string; readonly prompt: string }) => AnswerScript;

export interface ToolCallScript {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** A text in tokens. Joined, the pieces are the text. */
export interface Utterance {
  /** May be Infinity. */
  readonly length: number;
  readonly piece: (index: number) => string;
  /** The piece as a JSON string. */
  readonly quoted: (index: number) => string;
  /** The first `count` pieces, joined. */
  readonly text: (count: number) => string;
}

const quotedTexts = new WeakMap<Utterance, { readonly count: number; readonly json: string }>();

/** The first `count` pieces joined, as a JSON string. The last length asked for is remembered. */
export function quoteText(utterance: Utterance, count: number): string {
  const known = quotedTexts.get(utterance);
  if (known?.count === count) return known.json;
  const json = JSON.stringify(utterance.text(count));
  quotedTexts.set(utterance, { count, json });
  return json;
}

const compiled = new WeakMap<AnswerScript, Utterance>();

/** Scripts that do not depend on the request are split once. */
export function toUtterance(script: AnswerScript, askedText: string): Utterance {
  if (script.kind === 'echo') return splitText(askedText);
  let utterance = compiled.get(script);
  if (utterance === undefined) {
    utterance = script.kind === 'text' ? splitText(script.text) : countingWords(script);
    compiled.set(script, utterance);
  }
  return utterance;
}

/** The first `count` words of the counting answer, as a client should receive them. */
export function countedText(count: number): string {
  let text = count > 0 ? 'w0' : '';
  for (let index = 1; index < count; index++) text += ` w${index}`;
  return text;
}

function countingWords(
  script: { readonly kind: 'words'; readonly count: number } | { readonly kind: 'endless' },
): Utterance {
  const piece = (index: number) => (index === 0 ? 'w0' : ` w${index}`);
  const length = script.kind === 'words' ? script.count : Number.POSITIVE_INFINITY;
  let whole: string | undefined;
  return {
    length,
    piece,
    quoted: (index) => `"${piece(index)}"`,
    text: (count) => {
      if (count !== length) return countedText(count);
      whole ??= countedText(count);
      return whole;
    },
  };
}

/** One token per word, each with the white space before it. */
export function splitText(text: string): Utterance {
  const pieces = text.match(/\s*\S+(?:\s+$)?/g) ?? (text === '' ? [] : [text]);
  const quoted: string[] = [];
  return {
    length: pieces.length,
    piece: (index) => pieces[index] ?? '',
    quoted: (index) => {
      let json = quoted[index];
      if (json === undefined) {
        json = JSON.stringify(pieces[index] ?? '');
        quoted[index] = json;
      }
      return json;
    },
    text: (count) => (count >= pieces.length ? text : pieces.slice(0, count).join('')),
  };
}
