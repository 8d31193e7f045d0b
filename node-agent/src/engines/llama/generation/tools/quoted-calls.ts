import { parseJsonObject } from './balanced-json.ts';
import type { QuotedForm } from './tool-form.ts';

/**
 * The call that a text begins with, and where it goes on after it. Undefined: it is not complete yet; without `call`: it is none.
 * `isWhole`: nothing more will come.
 */
export function readQuotedCall(
  text: string,
  { open, begin, quote, close }: QuotedForm,
  isWhole: boolean,
): { readonly call?: { readonly name: string; readonly arguments: string }; readonly end: number } | undefined {
  const none = { end: open.length };
  if (!text.startsWith(begin) && !begin.startsWith(text)) return none;
  const found = text.indexOf(close, begin.length);
  if (found === -1 && !isWhole) return undefined;
  const body = text.slice(begin.length, found === -1 ? undefined : found);
  const brace = body.indexOf('{');
  if (brace === -1) return none;
  const json = toJson(body.slice(brace), quote);
  if (parseJsonObject(json) === undefined) return none;
  const end = found === -1 ? text.length : found + close.length;
  return { call: { name: body.slice(0, brace).trim(), arguments: json }, end };
}

/** Between two quotes stands a text as it is, outside of them keys without any. */
function toJson(written: string, quote: string): string {
  const pieces = written.split(quote);
  const outside = (piece: string) => piece.replace(/([{,]\s*)([\w.-]+)\s*:/g, '$1"$2":');
  return pieces.map((piece, index) => (index % 2 === 1 ? JSON.stringify(piece) : outside(piece))).join('');
}
