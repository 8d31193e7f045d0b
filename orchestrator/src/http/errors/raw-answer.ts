import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { noAttempts } from '../answer-headers.ts';
import { type PlainAnswer, serverName, toHeaderList } from './plain-answer.ts';

/** Answers on the bare socket, where node has no response to write to, and closes it. */
export function sendRaw(socket: Duplex, answer: PlainAnswer, requestId: string): void {
  const own = ['server', serverName, 'x-request-id', requestId, ...noAttempts, 'connection', 'close'];
  const headers = toHeaderList(answer, own);
  let head = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  socket.on('error', () => {});
  socket.end(`${head}\r\n${answer.body}`, () => socket.destroy());
}

/** The status of what node's parser refuses; the same that node itself would give. */
export function parserStatus(code: string | undefined): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413;
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
}

/** Whether an answer has begun on the socket: something else must not be written into it. */
export function isAnswering(socket: Duplex): boolean {
  const { _httpMessage: outgoing } = socket as Duplex & { readonly _httpMessage?: ServerResponse | null };
  return outgoing?.headersSent === true;
}
