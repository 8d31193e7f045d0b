import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a node and its orchestrator, so that single connections can be cut. */
export class SocketProxy {
  readonly #server: Server;
  /** Both ends of each open connection, oldest first. */
  readonly #pairs: (readonly [Socket, Socket])[] = [];
  /** Connections that were ever made. */
  made = 0;
  isRefusing = false;

  constructor(targetPort: number) {
    this.#server = createServer((near) => {
      if (this.isRefusing) {
        near.destroy();
        return;
      }
      this.made++;
      const far = connect(targetPort, '127.0.0.1');
      const pair = [near, far] as const;
      this.#pairs.push(pair);
      const end = () => {
        const index = this.#pairs.indexOf(pair);
        if (index !== -1) this.#pairs.splice(index, 1);
        near.destroy();
        far.destroy();
      };
      for (const socket of pair) socket.on('error', end).on('close', end);
      near.pipe(far);
      far.pipe(near);
    });
  }

  get open(): number {
    return this.#pairs.length;
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts the connection that was made at this place, counted from the oldest that is open. */
  cut(index: number): void {
    const [near, far] = this.#pairs[index] ?? [];
    near?.resetAndDestroy();
    far?.resetAndDestroy();
  }

  cutAll(): void {
    for (let count = this.open; count > 0; count--) this.cut(count - 1);
  }

  close(): void {
    this.cutAll();
    this.#server.close();
  }
}
