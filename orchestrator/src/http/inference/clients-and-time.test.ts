import { once } from 'node:events';
import { connect } from 'node:net';
import type { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import { nextChunk, open, readReply, send, sendRaw, start } from '../test-client.ts';
import { type AnswerScript, aborted, silent, startTestServer, text } from '../test-server.ts';

const chat = (fields: object = {}) => ({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }], ...fields });
const line = '{"message":{"content":"a"},"done":false}\n';
const lastLine = '{"done":true}\n';

describe('a client that leaves', () => {
  it.each([
    ['before the first event', silent],
    [
      'in the middle of a stream',
      async function* (_request, signal) {
        yield text(line);
        await aborted(signal);
        throw signal.reason;
      } satisfies AnswerScript,
    ],
  ] as [string, AnswerScript][])('%s cancels the work', async (_case, script) => {
    await using server = await startTestServer({ script });
    const request = start(server.port, '/api/chat');
    request.on('error', () => {});
    request.end(JSON.stringify(chat()));
    const { signal } = await server.inference.asked();
    if (script !== silent) await once(request, 'response');
    request.destroy();
    await aborted(signal);
    expect(signal.reason).toMatchObject({ code: 'client-gone' });
  });

  it('while its request waits behind another one on the same connection cancels both', async () => {
    await using server = await startTestServer();
    const body = JSON.stringify(chat());
    const head = `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const socket = connect(server.port, '127.0.0.1', () => socket.write(head + head));
    const signals = [(await server.inference.asked(1)).signal, (await server.inference.asked(2)).signal];
    socket.destroy();
    await Promise.all(signals.map(aborted));
    expect(signals.map((signal) => signal.reason.code)).toEqual(['client-gone', 'client-gone']);
  });

  it('during its own body reaches no engine', async () => {
    await using server = await startTestServer();
    const request = start(server.port, '/api/chat', { headers: { 'content-length': '100' } });
    request.on('error', () => {});
    const closed = new Promise((resolve) => request.on('close', resolve));
    request.write('{');
    request.destroy();
    await closed;
    await server.http.drain();
    expect(server.inference.runs).toEqual([]);
  });
});

describe('a client that reads slowly', () => {
  const block = `${'x'.repeat(99_999)}\n`;

  it('is waited for, and gets everything in the end', async () => {
    const blocks = 200;
    let written = 0;
    await using server = await startTestServer({
      script: async function* () {
        for (; written < blocks; written++) yield text(block, written === blocks - 1);
      },
    });
    const { response } = await open(server.port, '/api/chat', { body: chat() });
    expect(await nextChunk(response)).toBeTruthy();
    // Once a read is blocked the script gets no further, however long it takes.
    const stopped = await standstill(() => written);
    expect(stopped).toBeLessThan(blocks / 2);
    let received = 0;
    for await (const chunk of response) received += chunk.length;
    expect(received).toBeGreaterThan((blocks - 1) * block.length);
    expect(written).toBe(blocks);
  });

  /** Lets the clock run until `isOver`; milliseconds of it that it took. */
  const runUntil = async (clock: HandClock, isOver: () => boolean): Promise<number> => {
    let passed = 0;
    for (; !isOver(); passed += 100) {
      await clock.advance(100);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    return passed;
  };

  it('is cut when it takes no byte for too long', async () => {
    let written = 0;
    await using server = await startTestServer({
      server: { writeTimeoutMs: 5_000 },
      script: async function* (_request, signal) {
        // Far more than sockets hold, and yet an end.
        for (; written < 1_000 && !signal.aborted; written++) yield text(block);
        throw signal.reason;
      },
    });
    const { request } = await open(server.port, '/api/chat', { body: chat() });
    request.on('error', () => {});
    const { signal } = await server.inference.asked();
    await standstill(() => written);
    const passed = await runUntil(server.clock, () => signal.aborted);
    expect(signal.reason).toMatchObject({ code: 'client-gone' });
    expect(passed).toBeGreaterThanOrEqual(5_000);
    expect(passed).toBeLessThanOrEqual(7_500);
    request.destroy();
  });

  it('is not cut as long as the system holds less and less for it', async () => {
    let written = 0;
    let unsent = 1_000_000;
    await using server = await startTestServer({
      server: { writeTimeoutMs: 5_000 },
      unsentBytes: async () => unsent--,
      script: async function* (_request, signal) {
        for (; written < 1_000 && !signal.aborted; written++) yield text(block);
        throw signal.reason;
      },
    });
    const { request } = await open(server.port, '/api/chat', { body: chat() });
    request.on('error', () => {});
    const { signal } = await server.inference.asked();
    await standstill(() => written);
    let passed = 0;
    await runUntil(server.clock, () => signal.aborted || (passed += 100) > 60_000);
    expect(signal.aborted).toBe(false);
    request.destroy();
    await aborted(signal);
  });

  it('is cut too when the whole answer lies in the buffer', async () => {
    const written = Promise.withResolvers<void>();
    await using server = await startTestServer({
      server: { writeTimeoutMs: 5_000 },
      script: async function* () {
        yield text('x'.repeat(20_000_000), true);
        written.resolve();
      },
    });
    const { request, response } = await open(server.port, '/api/chat', { body: chat({ stream: false }) });
    await written.promise;
    let isOver = false;
    const drained = server.http.drain().then(() => {
      isOver = true;
    });
    request.on('error', () => {});
    const passed = await runUntil(server.clock, () => isOver);
    await drained;
    expect(passed).toBeLessThanOrEqual(7_500);
    await expect(readReply(response)).rejects.toThrow('aborted');
  });

  it('gets a large whole answer as it was made', async () => {
    const answer = Array.from({ length: 300_000 }, (_, index) => index).join(' ');
    await using server = await startTestServer({
      script: async function* () {
        yield text(answer, true);
      },
    });
    const reply = await send(server.port, '/api/chat', { body: chat({ stream: false }) });
    expect(reply.headers['content-length']).toBe(String(answer.length));
    expect(reply.text).toBe(answer);
    expect((await send(server.port, '/api/chat', { body: chat() })).text).toBe(answer);
  });
});

/** The value a counter keeps over a few turns of the event loop. */
async function standstill(read: () => number): Promise<number> {
  for (let last = -1, same = 0; ; ) {
    await new Promise((resolve) => setImmediate(resolve));
    same = read() === last ? same + 1 : 0;
    last = read();
    if (same > 500) return last;
  }
}

describe('deadlines', () => {
  it.each(['/api/chat', '/v1/chat/completions'])('end in 504 on %s', async (path) => {
    await using server = await startTestServer();
    const reply = send(server.port, path, { body: chat(), headers: { 'x-waggle-deadline-ms': '250' } });
    const { request, signal } = await server.inference.asked();
    expect(request.deadlineMs).toBe(250);
    await server.clock.advance(249);
    expect(signal.aborted).toBe(false);
    await server.clock.advance(1);
    expect(await reply).toMatchObject({ status: 504, text: expect.stringContaining('x-waggle-deadline-ms') });
  });

  it('of the configuration count where a client states none, from when the request came in', async () => {
    await using server = await startTestServer({ timeoutMs: 250 });
    const slow = send(server.port, '/api/chat', { body: chat() });
    const fast = send(server.port, '/api/chat', { body: chat(), headers: { 'x-waggle-deadline-ms': '100' } });
    const { request } = await server.inference.asked();
    await server.inference.asked(2);
    expect(new Set(server.inference.runs.map((run) => run.request.deadlineMs))).toEqual(new Set([100, 250]));
    await server.clock.advance(249);
    expect(await fast).toMatchObject({ status: 504, text: expect.stringContaining('x-waggle-deadline-ms') });
    await server.clock.advance(1);
    expect(await slow).toMatchObject({ status: 504, text: expect.stringContaining('within 250 ms (models: timeout)') });
    expect(request.receivedAt).toBe(1_000);
  });

  it.each([[], [['x-waggle-deadline-ms', '250']]])('leave no timer behind: %j', async (...headers) => {
    await using server = await startTestServer({
      timeoutMs: 100,
      script: async function* () {
        yield text(lastLine, true);
      },
    });
    const before = server.clock.pending;
    await send(server.port, '/api/chat', { body: chat(), headers: Object.fromEntries(headers) });
    expect(server.clock.pending).toBe(before);
  });
});

describe('silence in a stream', () => {
  const pausing = (resume: Promise<void>): AnswerScript =>
    async function* () {
      yield text('data: {}\n\n');
      await resume;
      yield text('data: [DONE]\n\n', true);
    };

  it('is broken by a comment every 15 s for OpenAI clients', async () => {
    const resume = Promise.withResolvers<void>();
    await using server = await startTestServer({ script: pausing(resume.promise) });
    const { response } = await open(server.port, '/v1/chat/completions', { body: chat({ stream: true }) });
    expect(await nextChunk(response)).toBe('data: {}\n\n');
    await server.clock.advance(14_000);
    const comment = nextChunk(response);
    await server.clock.advance(3_000);
    expect(await comment).toBe(': waiting\n\n');
    resume.resolve();
    expect((await readReply(response)).text).toBe('data: [DONE]\n\n');
  });

  it('is left alone for Ollama clients', async () => {
    const resume = Promise.withResolvers<void>();
    await using server = await startTestServer({ script: pausing(resume.promise) });
    const { response } = await open(server.port, '/api/chat', { body: chat({ stream: true }) });
    await nextChunk(response);
    await server.clock.advance(60_000);
    resume.resolve();
    expect((await readReply(response)).text).toBe('data: [DONE]\n\n');
  });
});

describe('the bytes of a stream', () => {
  const parts = ['ä€𝄞', '', 'x'.repeat(20_000), '\u0000ÿ', 'end'];
  const script: AnswerScript = async function* () {
    for (const [index, part] of parts.entries()) yield text(part, index === parts.length - 1);
  };

  it.each(['/api/chat', '/api/chat?x=1'])('arrive as they are at %s', async (path) => {
    await using server = await startTestServer({ script });
    expect((await send(server.port, path, { body: chat({ stream: true }) })).text).toBe(parts.join(''));
    expect((await send(server.port, '/v1/completions', { body: { model: 'm', prompt: 'x', stream: true } })).text).toBe(
      parts.join(''),
    );
  });

  it('arrive unframed where the client speaks HTTP/1.0', async () => {
    await using server = await startTestServer({ script });
    const body = JSON.stringify(chat());
    const reply = await sendRaw(
      server.port,
      `POST /api/chat HTTP/1.0\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(reply).not.toMatch(/transfer-encoding/i);
    expect(Buffer.from(reply.slice(reply.indexOf('\r\n\r\n') + 4), 'latin1').toString()).toBe(parts.join(''));
  });

  it('leave the connection usable', async () => {
    await using server = await startTestServer({ script });
    const body = JSON.stringify(chat());
    const request = (connection: string) =>
      `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const replies = await sendRaw(server.port, request('keep-alive') + request('close'));
    expect(replies.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(replies.match(/\r\n0\r\n\r\n/g)).toHaveLength(2);
  });
});
