import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Activity } from '@waggle/shared/process/release-when-idle.ts';
import type { ServerConfig } from '../config/compiled-config.ts';
import type { PlainAnswer } from './errors/plain-answer.ts';
import { isAnswering, parserStatus, sendRaw } from './errors/raw-answer.ts';
import type { RequestIds } from './request-id.ts';
import type { RunningRequests } from './running-requests.ts';
import type { NodeListener } from './web-app.ts';

/** What the server needs of the application. */
export interface ServedApp {
  readonly listener: NodeListener;
  readonly running: RunningRequests;
  /** The answer to a request for which there is no route. */
  readonly notRouted: (method: string, target: string) => PlainAnswer;
  readonly requestIds: RequestIds;
  /** Releases timers. */
  dispose(): void;
}

export interface HttpServer {
  readonly port: number;
  /** How many requests are answered now, and were since the start. */
  activity(): Activity;
  /** Refuses new requests, waits for running ones up to `drainTimeoutMs`, then closes. */
  drain(): Promise<void>;
  /** Ends at once: whatever runs is cancelled, connections are cut. */
  close(): Promise<void>;
}

/** Rejects with the error of the socket (`EADDRINUSE`, say) where it cannot listen. */
export async function startHttpServer(app: ServedApp, config: ServerConfig, clock: Clock): Promise<HttpServer> {
  const server = createServer(
    {
      keepAlive: true,
      noDelay: true,
      headersTimeout: config.headersTimeoutMs,
      keepAliveTimeout: config.keepAliveTimeoutMs,
      // The gate asks for it, and says so with an id.
      requireHostHeader: false,
      maxHeaderSize: config.maxHeaderBytes,
      // Bodies are bounded by the pause between their bytes, not by their length in time: a large one may be slow.
      requestTimeout: 0,
      connectionsCheckingInterval: connectionsCheckingMs,
    },
    app.listener,
  );
  // A tunnel is asked for as any path with a method it does not have; without a listener node closes the connection without a word.
  server.on('connect', (incoming, socket) => {
    sendRaw(socket, app.notRouted('CONNECT', incoming.url ?? ''), app.requestIds(incoming.headers['x-request-id']));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || isAnswering(socket)) socket.destroy(error);
    else sendRaw(socket, { status: parserStatus(error.code), body: '' }, app.requestIds(undefined));
  });
  server.maxConnections = config.maxConnections;
  await listen(server, config);
  const { port } = server.address() as AddressInfo;
  return new RunningServer(server, { app, clock, port, drainTimeoutMs: config.drainTimeoutMs });
}

/** How often node looks for clients that take too long over their headers. */
const connectionsCheckingMs = 2_000;

/** How long the word that an answer was cut may take to its client. */
const lastWordMs = 1_000;
/** How long connections without a request may linger once the last answer is out. */
const lastSweepMs = 200;

interface RunningOptions {
  readonly app: ServedApp;
  readonly clock: Clock;
  readonly port: number;
  readonly drainTimeoutMs: number;
}

class RunningServer implements HttpServer {
  readonly port: number;
  readonly #server: Server;
  readonly #options: RunningOptions;
  #closed: Promise<void> | undefined;

  constructor(server: Server, options: RunningOptions) {
    this.#server = server;
    this.#options = options;
    this.port = options.port;
  }

  activity(): Activity {
    const { count, ended } = this.#options.app.running;
    return { running: count, ended };
  }

  async drain(): Promise<void> {
    const { app, clock, drainTimeoutMs } = this.#options;
    app.running.beginDrain();
    let cut = clock.schedule(drainTimeoutMs, () => {
      app.running.abortAll();
      cut = clock.schedule(lastWordMs, () => this.#server.closeAllConnections());
    });
    // The port stays open until the last answer is out: a client that comes now is told to try elsewhere.
    await app.running.whenEmpty();
    const closed = this.#stopListening();
    // Connections whose answer has just ended count as busy for a moment more.
    const sweep = clock.schedule(lastSweepMs, () => this.#server.closeAllConnections());
    await closed;
    cut();
    sweep();
    app.dispose();
  }

  async close(): Promise<void> {
    this.#options.app.running.beginDrain();
    const closed = this.#stopListening();
    this.#cutAll();
    await closed;
    this.#options.app.dispose();
  }

  #cutAll(): void {
    this.#options.app.running.abortAll();
    this.#server.closeAllConnections();
  }

  #stopListening(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
    return this.#closed;
  }
}

function listen(server: Server, { host, port }: ServerConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off('error', reject);
      // A connection that cannot be taken, for want of descriptors, say, is the trouble of its client alone.
      server.on('error', () => {});
      resolve();
    });
  });
}
