import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askEngine, CallError } from './ask-engine.ts';
import type { CallFailure, RunningCall } from './engine-call.ts';
import { EngineHttp } from './engine-http.ts';

/** A server of raw sockets, so that a test says what goes over the wire, and when. */
class RawServer {
  readonly sockets: Socket[] = [];
  readonly requests: string[] = [];
  readonly #server = createServer((socket) => {
    this.sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      this.requests.push(bytes.toString('latin1'));
      this.answer(socket, this.requests.length);
    });
  });
  answer: (socket: Socket, request: number) => void = () => {};

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const whole = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const chunkedHead = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
const post = { method: 'POST', path: '/x', body: [Buffer.from('{}')] } as const;

describe('EngineHttp', () => {
  let server: RawServer;
  let http: EngineHttp;

  beforeEach(async () => {
    server = new RawServer();
    http = new EngineHttp({ origin: await server.listen(), clock: systemClock });
  });

  afterEach(async () => {
    await http.close();
    await server.close();
  });

  const say = async () => (await askEngine(http, post)).body.toString();

  /** A call with everything its observer heard. */
  const follow = (take: () => boolean = () => true) => {
    const heard: (string | CallFailure)[] = [];
    const last = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    const call: RunningCall = http.call(post, {
      head: (status) => heard.push(`head ${status}`),
      data: (bytes) => {
        heard.push(Buffer.from(bytes).toString());
        first.resolve();
        return take();
      },
      ended: () => {
        heard.push('ended');
        last.resolve();
      },
      failed: (failure) => {
        heard.push(failure);
        last.resolve();
      },
    });
    return { call, heard, first: first.promise, last: last.promise };
  };

  test('keeps a connection for the next call', async () => {
    server.answer = (socket) => socket.write(whole('hello'));
    expect([await say(), await say(), await say()]).toEqual(['hello', 'hello', 'hello']);
    expect(server.sockets).toHaveLength(1);
  });

  test('a body of unknown length goes in chunks, and without a last one where it breaks off', async () => {
    const arrived = Promise.withResolvers<void>();
    async function* body(broken: boolean): AsyncGenerator<Uint8Array> {
      yield Buffer.from('hello');
      yield new Uint8Array(0);
      yield Buffer.alloc(20, 'x');
      if (!broken) return;
      await arrived.promise;
      throw new Error('the content broke off');
    }
    server.answer = (socket) => {
      if (server.requests.at(-1)?.endsWith('0\r\n\r\n') === true) socket.write(whole('ok'));
    };
    const said = await askEngine(http, { method: 'POST', path: '/x', body: body(false) });
    expect(said.body.toString()).toBe('ok');
    const seen = server.requests.splice(0).join('');
    server.answer = () => {
      if (server.requests.join('').includes('xxxx')) arrived.resolve();
    };
    expect(seen).toMatch(/\r\ntransfer-encoding: chunked\r\n(?:.*\r\n)*\r\n5\r\nhello\r\n14\r\nx{20}\r\n0\r\n\r\n$/);
    expect(seen).not.toContain('content-length');
    const broken = askEngine(http, { method: 'POST', path: '/x', body: body(true) });
    await expect(broken).rejects.toThrow('the content broke off');
    expect(server.requests.join('')).not.toContain('\r\n0\r\n\r\n');
  });

  test('a call has a connection of its own', async () => {
    server.answer = (socket, request) => {
      if (request === 2) for (const each of server.sockets) each.write(whole('x'));
    };
    await Promise.all([say(), say()]);
    expect(server.sockets).toHaveLength(2);
  });

  test('what comes in one read goes on as one', async () => {
    server.answer = (socket) => socket.end(chunkedHead + chunk('a') + chunk('b') + chunk('c') + chunk(''));
    const { heard, last } = follow();
    await last;
    expect(heard).toEqual(['head 200', 'abc', 'ended']);
  });

  test('a kept connection that is gone by now is replaced, and the request sent again', async () => {
    server.answer = (socket, request) => {
      if (request === 2) socket.resetAndDestroy();
      else socket.write(whole('hello'));
    };
    await say();
    expect(await say()).toBe('hello');
    expect(server.requests).toHaveLength(3);
    expect(server.sockets).toHaveLength(2);
  });

  test('a large request has a new connection, and is sent once', async () => {
    server.answer = (socket) => socket.write(whole('hello'));
    await say();
    const sizes: number[] = [];
    server.answer = (socket) => {
      const sent = server.requests.slice(1).join('');
      sizes.push(sent.length);
      if (sent.length > 300_000) socket.resetAndDestroy();
    };
    const large = { ...post, body: [Buffer.alloc(100_000, 'a'), Buffer.alloc(200_000, 'b')] };
    await expect(askEngine(http, large)).rejects.toMatchObject({ failure: { kind: 'broken' } });
    expect(server.sockets).toHaveLength(2);
    expect(server.requests[1]).toContain('content-length: 300000\r\n');
    expect(server.requests.slice(1).join('')).toMatch(/\r\n\r\na{100000}b{200000}$/);
  });

  test('a request that breaks a new connection is not sent again', async () => {
    server.answer = (socket) => socket.resetAndDestroy();
    const { heard, last } = follow();
    await last;
    expect(heard).toEqual([expect.objectContaining({ kind: 'broken', refused: false })]);
    expect(server.requests).toHaveLength(1);
  });

  test('a request that was begun to be answered is not sent again', async () => {
    server.answer = (socket, request) => {
      if (request === 1) socket.write(whole('hello'));
      else socket.write(chunkedHead + chunk('a'), () => socket.resetAndDestroy());
    };
    await say();
    const { heard, last } = follow();
    await last;
    expect(heard.at(-1)).toMatchObject({ kind: 'broken' });
    expect(server.requests).toHaveLength(2);
  });

  test('nobody listening is unreachable', async () => {
    await server.close();
    const failure = await say().catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(CallError);
    expect(failure).toMatchObject({ failure: { kind: 'unreachable', refused: true } });
    server = new RawServer();
    await server.listen();
  });

  test('what is no HTTP breaks the call', async () => {
    server.answer = (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n');
    const { heard, last } = follow();
    await last;
    expect(heard).toEqual([expect.objectContaining({ kind: 'broken' })]);
  });

  test('aborting closes the connection, and nothing more is heard', async () => {
    server.answer = (socket) => socket.write(chunkedHead + chunk('a'));
    const { call, heard, first } = follow();
    await first;
    const seen = once(server.sockets[0] as Socket, 'close');
    const closed = new Promise<void>((resolve) => call.abort(resolve));
    await closed;
    await seen;
    expect(heard).toEqual(['head 200', 'a']);
    server.answer = (socket) => socket.write(whole('after'));
    expect(await say()).toBe('after');
  });

  test('aborting before the connection is there leaves nothing behind', async () => {
    const { call, heard } = follow();
    await new Promise<void>((resolve) => call.abort(resolve));
    server.answer = (socket) => socket.write(whole('after'));
    expect(await say()).toBe('after');
    expect(heard).toEqual([]);
  });

  test('a reader that says stop is given nothing until it resumes', async () => {
    server.answer = (socket) => socket.end(chunkedHead + chunk('x'.repeat(500_000)).repeat(20) + chunk(''));
    const { call, heard, first, last } = follow(() => false);
    await first;
    const over = { now: false };
    void last.then(() => {
      over.now = true;
    });
    while (!over.now) {
      const before = heard.length;
      await new Promise<void>((resolve) => setImmediate(resolve));
      expect(heard).toHaveLength(before);
      call.resume();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const text = heard
      .filter((part) => typeof part === 'string')
      .slice(1, -1)
      .join('');
    expect(text).toHaveLength(10_000_000);
    expect(heard.at(-1)).toBe('ended');
  });

  test('what came before a break is read first, however slowly', async () => {
    const broken = Promise.withResolvers<void>();
    server.answer = (socket) => {
      socket.once('close', () => broken.resolve());
      socket.write(chunkedHead + chunk('a'), () => socket.resetAndDestroy());
    };
    const { call, heard, first, last } = follow(() => false);
    await first;
    await broken.promise;
    expect(heard).toEqual(['head 200', 'a']);
    call.resume();
    await last;
    expect(heard.at(-1)).toMatchObject({ kind: 'broken' });
  });

  test('sends the key it was given', async () => {
    const keyed = new EngineHttp({ origin: http.origin, apiKey: 'secret', clock: systemClock });
    server.answer = (socket) => socket.write(whole('x'));
    await askEngine(keyed, post);
    await keyed.close();
    expect(server.requests[0]).toMatch(/^authorization: Bearer secret\r$/im);
  });

  test('names the cluster, after those that the request went through before', async () => {
    server.answer = (socket) => socket.write(whole('x'));
    await say();
    http.nameCluster('ours');
    await say();
    await askEngine(http, { ...post, hops: 'one, two' });
    const hops = server.requests.map((request) => /^x-waggle-hops: (.*)\r$/im.exec(request)?.[1]);
    expect(hops).toEqual([undefined, 'ours', 'one, two, ours']);
  });

  test('takes line ends out of what others named', async () => {
    server.answer = (socket) => socket.write(whole('x'));
    await askEngine(http, { ...post, hops: 'one\r\nhost: evil' });
    expect(server.requests[0]).toContain('x-waggle-hops: onehost: evil\r\n');
  });

  test('a question is given up with its signal', async () => {
    const gone = new AbortController();
    const asked = askEngine(http, post, gone.signal);
    gone.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
  });
});
