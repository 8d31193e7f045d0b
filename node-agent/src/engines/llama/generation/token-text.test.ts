import { expect, test } from 'vitest';
import { type Detokenizer, TokenText } from './token-text.ts';

/** Tokens are bytes, save those named; 300 and up are control tokens. */
class ByteModel implements Detokenizer<number> {
  readonly #words: Readonly<Record<number, string>> = { 300: '<|mark|>', 301: '<|other|>' };

  detokenize(tokens: readonly number[], specialTokens = false): string {
    let text = '';
    let bytes: number[] = [];
    for (const token of tokens) {
      if (token < 256) {
        bytes.push(token);
        continue;
      }
      text += Buffer.from(bytes).toString();
      bytes = [];
      if (specialTokens) text += this.#words[token] ?? '';
    }
    return text + Buffer.from(bytes).toString();
  }

  isSpecialToken(token: number | undefined): boolean {
    return (token ?? 0) >= 300;
  }
}

test('characters come whole, with the last of their bytes', () => {
  const text = new TokenText(new ByteModel(), []);
  const said = [...Buffer.from('aé🐝b')].map((byte) => text.push(byte));
  expect(said).toEqual(['a', '', 'é', '', '', '', '🐝', 'b']);
  expect(text.finish()).toBe('');
});

test('bytes that are no character are given up after a while, and at the end', () => {
  const text = new TokenText(new ByteModel(), []);
  const said = Array.from({ length: 12 }, () => text.push(0xff));
  expect(said.filter((piece) => piece !== '')).toHaveLength(2);
  expect(text.push(0xc3)).toBe('');
  expect(text.finish()).toBe('\ufffd');
});

test('of control tokens only marks have a text, and nothing before them is lost', () => {
  const text = new TokenText(new ByteModel(), ['<|mark|>\n']);
  expect(text.push(0xc3)).toBe('');
  expect(text.push(300)).toBe('\ufffd<|mark|>');
  expect(text.push(301)).toBe('');
  expect(text.push(0x61)).toBe('a');
});
