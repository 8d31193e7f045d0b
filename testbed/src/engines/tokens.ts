/** Characters per prompt token. */
const CHARACTERS_PER_TOKEN = 4;

/** Tokens of a prompt text, as every scripted engine counts them. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}

/** Tokens of `prompt` that an engine finds in its cache, which holds `cached`. At least one is always computed afresh. */
export function countCachedTokens(prompt: string, cached: string): number {
  const common = Math.floor(commonPrefixLength(prompt, cached) / CHARACTERS_PER_TOKEN);
  return Math.max(0, Math.min(common, countTokens(prompt) - 1));
}

const BLOCK = 256;

/** Characters that two texts share from their start. */
export function commonPrefixLength(left: string, right: string): number {
  const end = Math.min(left.length, right.length);
  let at = 0;
  while (at + BLOCK <= end && left.slice(at, at + BLOCK) === right.slice(at, at + BLOCK)) at += BLOCK;
  while (at < end && left.charCodeAt(at) === right.charCodeAt(at)) at++;
  return at;
}
