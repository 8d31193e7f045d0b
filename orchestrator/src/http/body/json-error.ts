import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';

/**
 * What is wrong with a body that is not JSON, in the words of Ollama's parser where it stops early, else with the
 * position. The engine's message may quote the body, so only its position is taken from it.
 */
export function toJsonError(text: string, thrown: unknown): ClusterError {
  if (!(thrown instanceof SyntaxError)) throw thrown;
  if (isBlank(text)) return refuse('missing request body', thrown);
  const at = errorPosition(text, thrown.message);
  if (at === undefined || at >= text.trimEnd().length) return refuse('unexpected EOF', thrown);
  const line = text.slice(0, at).split('\n').length;
  const column = at - text.lastIndexOf('\n', at - 1);
  return refuse(
    `invalid character '${showCharacter(text, at)}' at position ${at} (line ${line}, column ${column})`,
    thrown,
  );
}

/** The same for text of any length, which is not gone over a second time to find the place. */
export function toShortJsonError(text: string, thrown: unknown): ClusterError {
  if (!(thrown instanceof SyntaxError)) throw thrown;
  const stated = /at position (\d+)/.exec(thrown.message)?.[1];
  if (stated !== undefined && !thrown.message.startsWith('Unterminated')) {
    const at = Number(stated);
    if (at < text.length) return refuse(`invalid character '${showCharacter(text, at)}' at position ${at}`, thrown);
  }
  const token = /^Unexpected token '([\s\S]{1,2})'/.exec(thrown.message)?.[1];
  if (token === undefined && isBlank(text)) return refuse('missing request body', thrown);
  return refuse(token === undefined ? 'unexpected EOF' : `invalid character '${showCharacter(token, 0)}'`, thrown);
}

function isBlank(text: string): boolean {
  return !/[^ \t\r\n]/.test(text);
}

function showCharacter(text: string, at: number): string {
  return JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))
    .slice(1, -1)
    .replace('\\"', '"');
}

function refuse(message: string, cause: SyntaxError): ClusterError {
  return new ClusterError('bad-request', message, { cause });
}

/** Where parsing stopped; undefined when the text just ended too soon. */
function errorPosition(text: string, message: string): number | undefined {
  const stated = /at position (\d+)/.exec(message);
  if (stated !== null) return message.startsWith('Unterminated') ? undefined : Number(stated[1]);
  if (message.startsWith('Unexpected end')) return undefined;
  // V8 quotes short surroundings instead of a position: find them.
  const excerpt = /^Unexpected token '?.*?'?, (?:\.\.\.)?"([\s\S]*?)"(?:\.\.\.)? is not valid JSON$/.exec(message)?.[1];
  const token = /^Unexpected token '([\s\S]{1,2})'/.exec(message)?.[1];
  if (excerpt === undefined || token === undefined) return undefined;
  return firstWrongToken(text, token);
}

/** The first place outside strings where a value may not begin: a walk over tokens, without building anything. */
function firstWrongToken(text: string, token: string): number | undefined {
  const tokens = /\s+|"(?:[^"\\]|\\[\s\S])*"|[{}[\],:]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
  const opened: string[] = [];
  let at = 0;
  let previous = '';
  while (at < text.length) {
    tokens.lastIndex = at;
    const match = tokens.exec(text)?.[0];
    if (match === undefined) return literalStop(text, at);
    if (!/^\s/.test(match)) {
      if (match.startsWith(token) && isMisplaced(previous, match, opened.at(-1))) return at;
      if (match === '{' || match === '[') opened.push(match);
      if (match === '}' || match === ']') opened.pop();
      previous = match;
    }
    at += match.length;
  }
  return text.length;
}

/** A half-right literal (`nul!`) is wrong where it stops being one. */
function literalStop(text: string, at: number): number {
  for (const literal of ['true', 'false', 'null']) {
    let same = 0;
    while (same < literal.length && text[at + same] === literal[same]) same++;
    if (same > 0) return at + same;
  }
  return at;
}

function isMisplaced(previous: string, token: string, opened: string | undefined): boolean {
  const opens = previous === '' || previous === '[' || previous === '{' || previous === ',' || previous === ':';
  if (token === ',' || token === ':') return opens;
  if (token === '}' || token === ']')
    return previous === ',' || previous === ':' || opened !== (token === '}' ? '{' : '[');
  return !opens;
}
