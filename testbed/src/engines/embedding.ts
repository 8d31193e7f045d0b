/** A vector that depends on nothing but the text: equal texts are equal, unlike ones are nearly orthogonal. Not normalised. */
export function embed(text: string, length: number): readonly number[] {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  const vector: number[] = [];
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    vector.push(Math.fround((state >> 8) / 2 ** 22));
  }
  return vector;
}

/** The vector at length 1, in as many digits as tell 32-bit floats apart. */
export function normalise(vector: readonly number[]): readonly number[] {
  const norm = Math.hypot(...vector);
  return norm === 0 ? vector : vector.map((value) => Number((value / norm).toPrecision(9)));
}

/** Little-endian 32-bit floats, as OpenAI's clients ask for them. */
export function toBase64(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString('base64');
}
