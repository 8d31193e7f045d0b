/** How a token is drawn from a distribution, where the library does not draw it. */
export interface DrawSettings {
  /** 0: the most likely one. */
  readonly temperature: number;
  /** 0: all. */
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly typicalP: number;
}

interface Candidate<Token> {
  readonly token: Token;
  weight: number;
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Draws a token. `probabilities` are of the whole vocabulary, the most likely first; the order of the steps is llama.cpp's. */
export function drawToken<Token>(
  probabilities: ReadonlyMap<Token, number>,
  settings: DrawSettings,
  random: () => number,
): Token | undefined {
  let candidates: Candidate<Token>[] = [];
  const most = settings.temperature <= 0 ? 1 : settings.topK > 0 ? settings.topK : Number.POSITIVE_INFINITY;
  for (const [token, weight] of probabilities) {
    if (candidates.length >= most || weight <= 0) break;
    candidates.push({ token, weight });
  }
  candidates = keepTypical(normalised(candidates), settings.typicalP);
  candidates = keepTop(normalised(candidates), settings.topP);
  const floor = settings.minP * (candidates[0]?.weight ?? 0);
  candidates = candidates.filter(({ weight }) => weight >= floor);
  if (settings.temperature > 0) {
    for (const candidate of candidates) candidate.weight **= 1 / settings.temperature;
  }
  let rest = random() * candidates.reduce((sum, { weight }) => sum + weight, 0);
  for (const { token, weight } of candidates) {
    rest -= weight;
    if (rest <= 0) return token;
  }
  return candidates[0]?.token;
}

function normalised<Token>(candidates: Candidate<Token>[]): Candidate<Token>[] {
  const sum = candidates.reduce((total, { weight }) => total + weight, 0);
  for (const candidate of candidates) candidate.weight /= sum;
  return candidates;
}

function keepTop<Token>(candidates: Candidate<Token>[], topP: number): Candidate<Token>[] {
  if (topP >= 1) return candidates;
  let sum = 0;
  const end = candidates.findIndex(({ weight }) => (sum += weight) >= topP);
  return end === -1 ? candidates : candidates.slice(0, end + 1);
}

/** Those whose surprise is nearest to the average one, until they make up `typicalP`. */
function keepTypical<Token>(candidates: Candidate<Token>[], typicalP: number): Candidate<Token>[] {
  if (typicalP >= 1) return candidates;
  const entropy = candidates.reduce((sum, { weight }) => sum - weight * Math.log(weight), 0);
  const byNearness = candidates.toSorted(
    (a, b) => Math.abs(-Math.log(a.weight) - entropy) - Math.abs(-Math.log(b.weight) - entropy),
  );
  let sum = 0;
  const end = byNearness.findIndex(({ weight }) => (sum += weight) > typicalP);
  const kept = new Set(end === -1 ? byNearness : byNearness.slice(0, end + 1));
  return candidates.filter((candidate) => kept.has(candidate));
}
