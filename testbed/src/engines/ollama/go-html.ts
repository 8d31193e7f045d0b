const SPECIAL = /[<>&\u2028\u2029]/;
const ALL_SPECIAL = /[<>&\u2028\u2029]/g;

/** JSON as Go writes it: `<`, `>` and `&` become `\u003c` and so on. */
export function escapeGoHtml(json: string): string {
  if (!SPECIAL.test(json)) return json;
  return json.replace(ALL_SPECIAL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
