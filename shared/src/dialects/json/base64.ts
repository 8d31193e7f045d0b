/** Index of the first character that does not belong into base64 (line breaks may), or -1. Padding and length are checked too. */
export function firstBadBase64(text: string): number {
  const bad = text.search(/[^A-Za-z0-9+/=\r\n]/);
  if (bad !== -1) return bad;
  const padding = text.indexOf('=');
  const compact = /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, '') : text;
  if (padding !== -1 && !/^[A-Za-z0-9+/\r\n]*={1,2}[\r\n]*$/.test(text)) return padding;
  return compact.length % 4 === 0 ? -1 : text.length;
}
