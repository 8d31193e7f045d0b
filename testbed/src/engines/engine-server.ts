import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface EngineServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Idle milliseconds after which a kept connection is closed; 0: never. */
  readonly keepAliveMs: number;
  /** Requests per connection; 0: no limit. */
  readonly maxRequestsPerSocket: number;
  handle(request: IncomingMessage, response: ServerResponse): void;
}

/** The listening socket of an engine, which can be taken away and given back. */
export class EngineServer implements AsyncDisposable {
  readonly #options: EngineServerOptions;
  readonly #finishing: Server[] = [];
  #server: Server;
  #disposed = false;
  #dropping = false;
  #port: number;

  private constructor(options: EngineServerOptions) {
    this.#options = options;
    this.#server = this.#create();
    this.#port = options.port;
  }

  static async start(options: EngineServerOptions): Promise<EngineServer> {
    const server = new EngineServer(options);
    await server.#listen();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://${this.#options.host}:${this.#port}`;
  }

  /** It refuses connections and broke those it had. */
  get dropping(): boolean {
    return this.#dropping;
  }

  get listening(): boolean {
    return this.#server.listening;
  }

  /**
   * Nobody can connect any more. `drop` also breaks the connections that are there, as a killed process does;
   * `finish` lets running requests come to their end.
   */
  async refuse(connections: 'drop' | 'finish'): Promise<void> {
    if (!this.#server.listening) return;
    this.#dropping = connections === 'drop';
    const server = this.#server;
    this.#server = this.#create();
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    if (connections === 'drop') {
      server.closeAllConnections();
      await closed;
    } else this.#finishing.push(server);
  }

  /** Listens again on the same port. */
  async accept(): Promise<void> {
    if (this.#server.listening || this.#disposed) return;
    this.#dropping = false;
    await this.#listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    for (const server of this.#finishing) server.closeAllConnections();
    await this.refuse('drop');
  }

  #create(): Server {
    const options = this.#options;
    const timeouts = { keepAliveTimeout: options.keepAliveMs, requestTimeout: 0, headersTimeout: 0 };
    const server = createServer(timeouts, (request, response) => options.handle(request, response));
    server.maxRequestsPerSocket = options.maxRequestsPerSocket;
    return server;
  }

  async #listen(): Promise<void> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: this.#options.host, port: this.#port, backlog: 1024 }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#port = (server.address() as AddressInfo).port;
  }
}
