import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SourceFile {
  content: Uint8Array;
  /** With its quotes; none is sent where it is undefined. */
  etag?: string;
  /** Answers with the whole file whatever range is asked for. */
  ignoresRanges?: boolean;
}

export interface SourceRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** Answers a request in place of the source; false leaves it to the source. */
type Answer = (response: ServerResponse, request: IncomingMessage) => boolean | void;

/** A server of files that can be told to misbehave, and the hub's two routes over its files. */
export class FileSource implements AsyncDisposable {
  readonly files = new Map<string, SourceFile>();
  readonly requests: SourceRequest[] = [];
  /** Asked before every answer. */
  before: Answer = () => false;
  #open = 0;
  mostOpen = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FileSource> {
    const server = createServer();
    const source = new FileSource(server);
    server.on('request', (request, response) => source.#serve(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return source;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests for contents, without the question for one byte before them. */
  get ranges(): (string | undefined)[] {
    return this.requests.flatMap(({ path, range }) => (path.endsWith('.gguf') && range !== 'bytes=0-0' ? [range] : []));
  }

  /** A file by its path; the ETag is made of the content. */
  add(path: string, content: Uint8Array, more: Partial<SourceFile> = {}): SourceFile {
    const file = { content, etag: `"${createHash('sha256').update(content).digest('hex').slice(0, 20)}"`, ...more };
    this.files.set(path, file);
    return file;
  }

  /** A repository of the hub: its list of files, and the files. */
  addRepository(repository: string, files: Readonly<Record<string, Uint8Array>>, sha256Of = sha256): void {
    const list = Object.entries(files).map(([path, content]) => {
      this.add(`/${repository}/resolve/main/${path}`, content);
      return {
        type: 'file',
        path,
        size: content.length,
        oid: 'x',
        lfs: { oid: sha256Of(content), size: content.length },
      };
    });
    this.add(`/api/models/${repository}/tree/main`, Buffer.from(JSON.stringify(list)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? '/', this.url).pathname;
    const { range, authorization } = request.headers;
    this.requests.push({ path, range, authorization });
    this.mostOpen = Math.max(this.mostOpen, ++this.#open);
    response.on('close', () => this.#open--);
    if (this.before(response, request) === true) return;
    this.serveFile(request, response);
  }

  serveFile(request: IncomingMessage, response: ServerResponse): void {
    const file = this.files.get(new URL(request.url ?? '/', this.url).pathname);
    if (file === undefined) return void response.writeHead(404).end();
    const { content, etag, ignoresRanges } = file;
    const headers = { ...(etag !== undefined && { etag }) };
    const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const condition = request.headers['if-range'];
    if (match === null || ignoresRanges === true || (condition !== undefined && condition !== etag)) {
      response.writeHead(200, { ...headers, 'content-length': content.length }).end(content);
      return;
    }
    const from = Number(match[1]);
    const to = Math.min(content.length, match[2] === '' ? content.length : Number(match[2]) + 1);
    if (from >= content.length) {
      response.writeHead(416, { ...headers, 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const part = content.subarray(from, to);
    const more = { 'content-range': `bytes ${from}-${to - 1}/${content.length}`, 'content-length': part.length };
    response.writeHead(206, { ...headers, ...more }).end(part);
  }
}

export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
