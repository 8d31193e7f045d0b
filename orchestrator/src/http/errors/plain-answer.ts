import type { ServerResponse } from 'node:http';

/** A whole small answer, before anybody decided how it is sent. */
export interface PlainAnswer {
  readonly status: number;
  readonly body: string;
  /** Absent: the answer has no body. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What every answer says in `server`; an agent that finds it on an "engine" leaves that alone. */
export const serverName = 'waggle';

export function toResponse(answer: PlainAnswer): Response {
  const headers: Record<string, string> = { ...answer.headers };
  if (answer.contentType !== undefined) headers['content-type'] = answer.contentType;
  if (answer.status !== 204) headers['content-length'] = String(Buffer.byteLength(answer.body));
  return new Response(answer.body === '' ? null : answer.body, { status: answer.status, headers });
}

/** Sends it on a response nothing was written to yet; `headers` as name, value, name, value. */
export function sendPlain(outgoing: ServerResponse, answer: PlainAnswer, headers: readonly string[]): void {
  outgoing.writeHead(answer.status, toHeaderList(answer, headers));
  outgoing.end(answer.body);
}

export function toHeaderList(answer: PlainAnswer, further: readonly string[]): string[] {
  const headers = [...further];
  if (answer.contentType !== undefined) headers.push('content-type', answer.contentType);
  for (const name in answer.headers) headers.push(name, answer.headers[name] ?? '');
  if (answer.status !== 204) headers.push('content-length', String(Buffer.byteLength(answer.body)));
  return headers;
}
