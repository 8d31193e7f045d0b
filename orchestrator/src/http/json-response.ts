/** A JSON answer with its length, as a client over a slow link likes it. */
export function jsonResponse(
  value: unknown,
  options: { readonly status?: number; readonly contentType?: string } = {},
): Response {
  return textResponse(JSON.stringify(value), { contentType: 'application/json; charset=utf-8', ...options });
}

export function textResponse(
  text: string,
  { status = 200, contentType }: { readonly status?: number; readonly contentType: string },
): Response {
  return new Response(text, {
    status,
    headers: { 'content-type': contentType, 'content-length': String(Buffer.byteLength(text)) },
  });
}
