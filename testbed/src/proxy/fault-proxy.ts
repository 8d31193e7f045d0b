import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { ChangeWatch } from '../engines/change-watch.ts';
import { DelayLine } from './delay-line.ts';
import { type Direction, type LinkConditions, perfect } from './link-conditions.ts';
import { seededRandom } from './seeded-random.ts';

export interface FaultProxyOptions {
  readonly target: { readonly host?: string; readonly port: number };
  /** 0: any free one. */
  readonly port?: number;
  /** Seed of the jitter. */
  readonly seed?: number;
}

interface Link {
  readonly client: Socket;
  readonly target: Socket;
  readonly up: DelayLine;
  readonly down: DelayLine;
}

/** A TCP link that can be made slow, lossy or dead at any moment, for the connections it has and those to come. */
export class FaultProxy implements AsyncDisposable {
  readonly #options: FaultProxyOptions;
  readonly #random: () => number;
  readonly #links = new Set<Link>();
  readonly #watch = new ChangeWatch<never>();
  readonly #conditions: Record<Direction, LinkConditions> = { up: perfect, down: perfect };
  readonly #passed: Record<Direction, number> = { up: 0, down: 0 };
  #server: Server;
  #port: number;

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1);
    this.#port = options.port ?? 0;
    this.#server = this.#create();
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await proxy.accept();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Bytes that went through since the start. */
  get passed(): Readonly<Record<Direction, number>> {
    return this.#passed;
  }

  /** Replaces the conditions of one direction, or of both, at once and for open connections too. */
  set(conditions: LinkConditions, direction: Direction | 'both' = 'both'): void {
    if (direction !== 'down') this.#conditions.up = conditions;
    if (direction !== 'up') this.#conditions.down = conditions;
    for (const { up, down } of this.#links) {
      up.refresh();
      down.refresh();
    }
  }

  /** Perfect again in both directions; what waited passes now. */
  clear(): void {
    this.set(perfect);
  }

  /** Breaks all connections there are with a TCP reset on both sides. */
  reset(): void {
    for (const link of this.#links) drop(link);
  }

  /** New connections are refused; those there are live on. */
  refuse(): void {
    if (!this.#server.listening) return;
    const server = this.#server;
    this.#server = this.#create();
    // It reports itself closed only when its last connection is, but listens no more from now on.
    server.close();
  }

  async accept(): Promise<void> {
    const server = this.#server;
    if (server.listening) return;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port: this.#port, backlog: 1024 }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Resolves when `condition` holds; it is looked at when connections come and go and when bytes pass. */
  until(condition: () => boolean): Promise<void> {
    return this.#watch.until(condition);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch.close('the fault proxy');
    this.refuse();
    for (const link of this.#links) drop(link);
    await Promise.resolve();
  }

  #create(): Server {
    return createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#connect(client));
  }

  #connect(client: Socket): void {
    const { host = '127.0.0.1', port } = this.#options.target;
    const target = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const link: Link = {
      client,
      target,
      up: new DelayLine(client, target, this.#lineOptions('up')),
      down: new DelayLine(target, client, this.#lineOptions('down')),
    };
    this.#links.add(link);
    this.#watch.changed();
    const closed = () => {
      if (!client.destroyed || !target.destroyed) return;
      link.up.close();
      link.down.close();
      this.#links.delete(link);
      this.#watch.changed();
    };
    client.on('close', closed);
    target.on('close', closed);
  }

  #lineOptions(direction: Direction) {
    return {
      random: this.#random,
      conditions: () => this.#conditions[direction],
      passed: (bytes: number) => {
        this.#passed[direction] += bytes;
        this.#watch.changed();
      },
    };
  }
}

function drop({ client, target }: Link): void {
  client.resetAndDestroy();
  target.resetAndDestroy();
}
