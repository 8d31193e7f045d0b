import { connect, isIP, type Socket } from 'node:net';
import type { EngineHeaders } from '@waggle/shared/dialects/dialect.ts';
import { isStream, type RequestBody } from './engine-call.ts';
import { HttpAnswerReader } from './http-answer.ts';

/** Where an engine listens. */
export interface HttpAddress {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
}

/** Who has the connection now. Exactly one of `complete` and `broken` comes, last. */
export interface ConnectionUser {
  head(status: number, headers: EngineHeaders): void;
  data(bytes: Buffer): void;
  complete(): void;
  broken(error: Error): void;
}

const connectTimeoutMs = 5_000;

/** One connection to an engine, for one request after another. Nothing is sent again on it once it broke. */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #reader: HttpAnswerReader;
  #user: ConnectionUser | undefined;
  #isOpen = false;
  #isSending = false;
  #isGone = false;
  /** Requests that were answered on it. */
  answered = 0;

  constructor(address: HttpAddress, gone: (connection: HttpConnection) => void) {
    this.#reader = new HttpAnswerReader((status, headers) => this.#user?.head(status, headers));
    const socket = open(address);
    this.#socket = socket;
    socket.setTimeout(connectTimeoutMs, () => {
      if (!this.#isOpen) this.#fail(Object.assign(new Error('connect timed out'), { code: 'CONNECT_TIMEOUT' }));
    });
    socket.on(address.isSecure ? 'secureConnect' : 'connect', () => {
      this.#isOpen = true;
      socket.setTimeout(0);
    });
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('end', () => this.#ended());
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      this.#fail(Object.assign(new Error('closed'), { code: 'CLOSED' }));
      gone(this);
    });
  }

  /** A connection came about: what is sent from now on may have arrived. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isUsable(): boolean {
    return !this.#isGone;
  }

  /** How long the engine keeps it when it is idle, if it says so. */
  get keepMs(): number | undefined {
    return this.#reader.keepMs;
  }

  send(head: string, body: RequestBody | undefined, isHeadRequest: boolean, user: ConnectionUser): void {
    this.#user = user;
    this.#reader.begin(isHeadRequest);
    const socket = this.#socket;
    if (body === undefined) {
      socket.write(head, 'latin1');
    } else if (!isStream(body)) {
      socket.cork();
      socket.write(head, 'latin1');
      for (const part of body) socket.write(part);
      socket.uncork();
    } else {
      socket.write(head, 'latin1');
      this.#isSending = true;
      this.#stream(body).then(
        () => {
          this.#isSending = false;
        },
        (thrown: unknown) => this.#fail(thrown instanceof Error ? thrown : new Error(String(thrown))),
      );
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** An idle connection does not keep the process alive. */
  rest(): void {
    this.#socket.unref();
  }

  wake(): void {
    this.#socket.ref();
  }

  destroy(closed: () => void = () => {}): void {
    this.#user = undefined;
    this.#isGone = true;
    if (this.#socket.closed) return closed();
    this.#socket.once('close', closed);
    this.#socket.destroy();
  }

  async #stream(body: AsyncIterable<Uint8Array>): Promise<void> {
    const socket = this.#socket;
    for await (const bytes of body) {
      if (this.#isGone) return;
      if (!socket.write(bytes)) await drained(socket);
    }
  }

  #read(bytes: Buffer): void {
    const user = this.#user;
    // Nobody asked.
    if (user === undefined) return this.#fail(new Error('unasked for'));
    let body: Buffer | undefined;
    try {
      body = this.#reader.push(bytes);
    } catch (thrown) {
      return this.#fail(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
    const isComplete = this.#reader.isComplete;
    if (isComplete) this.#finish();
    if (body !== undefined) user.data(body);
    if (isComplete) user.complete();
  }

  #ended(): void {
    const user = this.#user;
    if (user !== undefined && this.#reader.end()) {
      this.#finish();
      user.complete();
    } else {
      this.#fail(Object.assign(new Error('closed'), { code: 'CLOSED' }));
    }
  }

  #finish(): void {
    this.#user = undefined;
    this.answered++;
    // An answer that came before the whole request was sent is the last one here.
    if (this.#isSending || !this.#reader.mayKeep) this.destroy();
  }

  #fail(error: Error): void {
    if (this.#isGone) return;
    const user = this.#user;
    this.destroy();
    user?.broken(error);
  }
}

function open({ isSecure, host, port }: HttpAddress): Socket {
  if (!isSecure) return connect({ host, port, noDelay: true });
  // Most engines are next door, and TLS is half a megabyte of code.
  const tls = process.getBuiltinModule('node:tls');
  return tls.connect({ host, port, ALPNProtocols: ['http/1.1'], ...(isIP(host) === 0 && { servername: host }) });
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      socket.off('drain', go);
      socket.off('close', go);
      resolve();
    };
    socket.on('drain', go);
    socket.on('close', go);
  });
}
