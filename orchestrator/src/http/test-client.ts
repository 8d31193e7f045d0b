import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { connect } from 'node:net';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** The body as JSON. */
  json(): unknown;
}

export interface SendOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a request on a connection of its own; objects go as JSON. */
export async function send(port: number, path: string, options: SendOptions = {}): Promise<Reply> {
  const { response } = await open(port, path, options);
  return readReply(response);
}

export interface OpenRequest {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
}

/** As `send`, but the body of the answer is left to the caller. */
export function open(
  port: number,
  path: string,
  { method = 'POST', body, headers }: SendOptions = {},
): Promise<OpenRequest> {
  return new Promise((resolve, reject) => {
    const bytes = toBytes(body);
    // Said explicitly: node leaves it out where a method seldom has a body.
    const length: Record<string, string> =
      bytes === undefined ? {} : { 'content-length': String(Buffer.byteLength(bytes)) };
    const request = start(port, path, { method, headers: { ...length, ...headers } });
    request.on('response', (response) => resolve({ request, response }));
    request.on('error', reject);
    request.end(bytes);
  });
}

/** A request that was begun and not ended. */
export function start(port: number, path: string, { method = 'POST', headers }: SendOptions = {}): ClientRequest {
  return httpRequest({
    host: '127.0.0.1',
    port,
    path,
    method,
    agent: new Agent({ keepAlive: false }),
    ...(headers && { headers }),
  });
}

function toBytes(body: unknown): string | Buffer | undefined {
  return body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
}

export async function readReply(response: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  const body = Buffer.concat(chunks);
  const text = body.toString();
  return { status: response.statusCode ?? 0, headers: response.headers, body, text, json: () => JSON.parse(text) };
}

/** Writes bytes as they are and returns what came until the server closed. */
export function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

/** The next chunk of a body. */
export function nextChunk(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    response.once('data', (chunk) => {
      response.pause();
      resolve(String(chunk));
    });
    response.once('error', reject);
    response.resume();
  });
}
