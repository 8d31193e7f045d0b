/** Token types of llama.cpp's vocabulary. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;

export interface ScriptedToken {
  readonly text: string;
  readonly type: (typeof tokenTypes)[keyof typeof tokenTypes];
}

export interface ScriptedVocabulary {
  readonly tokens: readonly ScriptedToken[];
  /** By token id: the id of the token that is said after it. */
  readonly successors: ReadonlyMap<number, number>;
  readonly unknownId: number;
  readonly startId: number;
  readonly endId: number;
  readonly blankId: number;
  /** The id of a byte's own token. */
  readonly byteId: (byte: number) => number;
}

export interface VocabularyOptions {
  /** Texts by the control token that a prompt must end with. */
  readonly scripts: Readonly<Record<string, string>>;
  readonly endless: ReadonlySet<string>;
  readonly controls: readonly string[];
  readonly endToken: string;
  readonly spelledInBytes: string;
}

const unknownId = 0;
const startId = 1;
const endId = 2;
const firstByte = 3;
const byteCount = 256;
const byteId = (byte: number) => firstByte + byte;
const blankId = firstByte + byteCount;

/** As a model's tokenizer writes a blank. */
const blank = '▁';

/**
 * Every step of every script gets a token of its own, so that a token alone says what comes next. No two tokens may be
 * spelled alike, so a word that was used before is cut otherwise the second time.
 */
export function buildVocabulary(options: VocabularyOptions): ScriptedVocabulary {
  const tokens: ScriptedToken[] = [
    { text: '<unk>', type: tokenTypes.unknown },
    { text: '<s>', type: tokenTypes.control },
    { text: options.endToken, type: tokenTypes.control },
  ];
  for (let byte = 0; byte < byteCount; byte++) {
    tokens.push({ text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, type: tokenTypes.byte });
  }
  // Without it the blanks of a prompt would be three bytes each, and come back as such.
  tokens.push({ text: blank, type: tokenTypes.normal });
  const taken = new Set(tokens.map(({ text }) => text));
  const successors = new Map<number, number>();
  const add = (text: string, type: ScriptedToken['type']): number => tokens.push({ text, type }) - 1;
  const addControl = (text: string): number => {
    if (taken.has(text)) throw new Error(`the token ${JSON.stringify(text)} is there twice`);
    taken.add(text);
    return add(text, tokenTypes.control);
  };
  for (const control of options.controls) addControl(control);
  for (const [start, text] of Object.entries(options.scripts)) {
    let previous = addControl(start);
    let first: number | undefined;
    for (const piece of cutIntoPieces(text, taken, new Set(options.spelledInBytes))) {
      const id = typeof piece === 'number' ? byteId(piece) : add(piece, tokenTypes.normal);
      if (successors.has(id)) throw new Error(`a byte of ${JSON.stringify(text)} is spelled twice`);
      successors.set(previous, id);
      first ??= id;
      previous = id;
    }
    successors.set(previous, options.endless.has(start) && first !== undefined ? first : endId);
  }
  return { tokens, successors, unknownId, startId, endId, blankId, byteId };
}

/** Pieces of about a word, added to `taken`; a number is one byte of a character that is to be spelled in bytes. */
function* cutIntoPieces(text: string, taken: Set<string>, inBytes: ReadonlySet<string>): Generator<string | number> {
  let rest = Array.from(text.replaceAll(' ', blank));
  while (rest.length > 0) {
    const character = rest[0] ?? '';
    if (inBytes.has(character)) {
      yield* new TextEncoder().encode(character);
      rest = rest.slice(1);
      continue;
    }
    const limit = rest.findIndex((each) => inBytes.has(each));
    const run = limit < 0 ? rest : rest.slice(0, limit);
    const pieces = cutRun(run, taken, { left: 10_000 });
    if (pieces === undefined) throw new Error(`${JSON.stringify(run.join(''))} cannot be cut into tokens of its own`);
    yield* pieces;
    rest = rest.slice(run.length);
  }
}

/** The first way to cut all of it into new spellings, adding them to `taken`; undefined when there is none within the tries. */
function cutRun(characters: readonly string[], taken: Set<string>, tries: { left: number }): string[] | undefined {
  if (characters.length === 0) return [];
  for (const length of lengthsToTry(characters)) {
    const piece = characters.slice(0, length).join('');
    if (taken.has(piece)) continue;
    if (tries.left-- <= 0) return undefined;
    taken.add(piece);
    const others = cutRun(characters.slice(length), taken, tries);
    if (others !== undefined) return [piece, ...others];
    taken.delete(piece);
  }
  return undefined;
}

/** To the end of the word, else more, else less. */
function* lengthsToTry(characters: readonly string[]): Generator<number> {
  const nextBlank = characters.indexOf(blank, 1);
  const word = nextBlank < 0 ? characters.length : nextBlank;
  for (let length = word; length <= characters.length; length++) yield length;
  for (let length = word - 1; length > 0; length--) yield length;
}
