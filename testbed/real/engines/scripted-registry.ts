import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A registry of models in memory, without accounts and without TLS: what `--insecure` is for. */
export class ScriptedRegistry implements AsyncDisposable {
  readonly #server: Server;
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifests = new Map<string, Buffer>();
  readonly #uploads = new Map<string, Buffer[]>();

  private constructor() {
    this.#server = createServer((incoming, outgoing) => void this.#answer(incoming, outgoing));
  }

  static async start(): Promise<ScriptedRegistry> {
    const registry = new ScriptedRegistry();
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  /** What stands before the names of its models. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Paths of the manifests that were sent to it, `x/model/latest`. */
  get models(): readonly string[] {
    return [...this.#manifests.keys()];
  }

  /** It has nothing any more. */
  clear(): void {
    this.#blobs.clear();
    this.#manifests.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { pathname, searchParams } = new URL(incoming.url ?? '', `http://${this.host}`);
    const [, model = '', kind = '', reference = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/(.*)$/.exec(pathname) ?? [];
    const upload = /^uploads\/(.*)$/.exec(reference)?.[1];
    if (upload !== undefined)
      return this.#takePart(incoming, outgoing, { model, upload, body, digest: searchParams.get('digest') });
    if (kind === 'manifests' && incoming.method === 'PUT') {
      this.#manifests.set(`${model}/${reference}`, body);
      return void outgoing.writeHead(201).end();
    }
    const found = kind === 'manifests' ? this.#manifests.get(`${model}/${reference}`) : this.#blobs.get(reference);
    sendFound(incoming, outgoing, found);
  }

  #takePart(
    { method }: IncomingMessage,
    outgoing: ServerResponse,
    part: { readonly model: string; readonly upload: string; readonly body: Buffer; readonly digest: string | null },
  ): void {
    const id = part.upload === '' ? randomUUID() : part.upload;
    const parts = this.#uploads.get(id) ?? [];
    this.#uploads.set(id, [...parts, part.body]);
    if (method === 'PUT') {
      const blob = Buffer.concat([...parts, part.body]);
      const digest = `sha256:${createHash('sha256').update(blob).digest('hex')}`;
      this.#uploads.delete(id);
      if (digest === part.digest) this.#blobs.set(digest, blob);
      outgoing.writeHead(digest === part.digest ? 201 : 400).end();
      return;
    }
    outgoing.writeHead(202, { location: `http://${this.host}/v2/${part.model}/blobs/uploads/${id}` }).end();
  }
}

function sendFound({ method, headers }: IncomingMessage, outgoing: ServerResponse, found: Buffer | undefined): void {
  if (found === undefined) {
    outgoing.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    return;
  }
  const [, from = '0', to = String(found.length - 1)] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  const bytes = found.subarray(Number(from), Number(to) + 1);
  outgoing.writeHead(headers.range === undefined ? 200 : 206, { 'content-length': bytes.length });
  outgoing.end(method === 'HEAD' ? undefined : bytes);
}
