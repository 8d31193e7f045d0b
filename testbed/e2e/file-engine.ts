import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What became of a file or of a model that was made. */
export interface EngineWork {
  readonly path: string;
  bytes: number;
  /** `whole`: answered. `broken`: whoever sent it left first. */
  end: 'running' | 'whole' | 'broken';
}

/** As much of Ollama as making a model needs; takes files and makes models no faster than it is let. */
export class FileEngine implements AsyncDisposable {
  readonly works: EngineWork[] = [];
  readonly #server: Server;
  readonly #blobs = new Set<string>();
  #gate = Promise.withResolvers<void>();

  private constructor() {
    this.#gate.resolve();
    this.#server = createServer((incoming, outgoing) => void this.#answer(incoming, outgoing));
  }

  static async start(): Promise<FileEngine> {
    const engine = new FileEngine();
    engine.#server.listen(0, '127.0.0.1');
    await once(engine.#server, 'listening');
    return engine;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Takes nothing and finishes nothing until `goOn`. */
  stop(): void {
    this.#gate = Promise.withResolvers<void>();
  }

  goOn(): void {
    this.#gate.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.goOn();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method, url = '' } = incoming;
    if (url === '/api/version') return json(outgoing, { version: '0.34.2' });
    if (url === '/api/tags')
      return json(outgoing, {
        models: [{ name: 'base:latest', model: 'base:latest', digest: 'a'.repeat(64), size: 1, details: {} }],
      });
    if (url === '/api/ps') return json(outgoing, { models: [] });
    const digest = /^\/api\/blobs\/(.+)$/.exec(url)?.[1];
    if (digest !== undefined && method === 'HEAD')
      return void outgoing.writeHead(this.#blobs.has(digest) ? 200 : 404).end();
    if (digest === undefined && url !== '/api/create') return json(outgoing, {});
    const work: EngineWork = { path: url, bytes: 0, end: 'running' };
    this.works.push(work);
    outgoing.on('close', () => {
      if (work.end === 'running') work.end = 'broken';
    });
    try {
      await (digest === undefined ? this.#create(incoming, outgoing) : this.#take(digest, work, incoming, outgoing));
      work.end = 'whole';
    } catch {
      work.end = 'broken';
    }
  }

  async #take(digest: string, work: EngineWork, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const hash = createHash('sha256');
    for await (const chunk of incoming) {
      await this.#gate.promise;
      hash.update(chunk as Buffer);
      work.bytes += (chunk as Buffer).length;
    }
    const got = `sha256:${hash.digest('hex')}`;
    this.#blobs.add(got);
    if (got === digest) outgoing.writeHead(201, { 'content-length': 0 }).end();
    else json(outgoing, { error: `digest mismatch, expected "${digest}", got "${got}"` }, 400);
  }

  async #create(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    incoming.resume();
    outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' });
    outgoing.write('{"status":"parsing GGUF"}\n');
    await Promise.race([this.#gate.promise, once(outgoing, 'close')]);
    if (outgoing.destroyed) throw new Error('left');
    outgoing.end('{"status":"success"}\n');
  }
}

function json(outgoing: ServerResponse, body: object, status = 200): void {
  outgoing.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
