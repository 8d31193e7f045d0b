import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HttpAnswerReader, HttpSyntaxError } from './http-answer.ts';

interface Read {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  readonly pieces: number;
  readonly isComplete: boolean;
  readonly mayKeep: boolean;
}

/** Everything that is read off these pieces of input; `ends` with the connection. */
function read(inputs: readonly string[], more: { readonly ends?: boolean; readonly isHead?: boolean } = {}): Read {
  let status = 0;
  let headers: Readonly<Record<string, unknown>> = {};
  const reader = new HttpAnswerReader((theirStatus, theirHeaders) => {
    status = theirStatus;
    headers = { ...theirHeaders };
  });
  reader.begin(more.isHead ?? false);
  const body: Buffer[] = [];
  for (const input of inputs) {
    const piece = reader.push(Buffer.from(input, 'latin1'));
    if (piece !== undefined) body.push(piece);
  }
  if (more.ends === true) reader.end();
  const { isComplete, mayKeep } = reader;
  return { status, headers, body: Buffer.concat(body).toString('latin1'), pieces: body.length, isComplete, mayKeep };
}

const counted = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello';
const chunked =
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;name=value\r\nhello\r\n1\r\n \r\nB\r\nbeautifully\r\n0\r\nX-Trailer: y\r\n\r\n';

describe('HttpAnswerReader', () => {
  test('a counted answer', () => {
    expect(read([counted])).toEqual({
      status: 200,
      headers: { 'content-length': '5', 'x-a': '1, 2' },
      body: 'hello',
      pieces: 1,
      isComplete: true,
      mayKeep: true,
    });
  });

  test('chunks that come together are one piece', () => {
    expect(read([chunked])).toMatchObject({ body: 'hello beautifully', pieces: 1, isComplete: true, mayKeep: true });
  });

  test('an answer that lasts as long as its connection', () => {
    const open = 'HTTP/1.1 200 OK\r\n\r\nhello';
    expect(read([open])).toMatchObject({ body: 'hello', isComplete: false });
    expect(read([open, ' you'], { ends: true })).toMatchObject({ body: 'hello you', isComplete: true, mayKeep: false });
  });

  test.each([counted, chunked])('one that is cut off is not complete', (whole) => {
    expect(read([whole.slice(0, -3)], { ends: true }).isComplete).toBe(false);
  });

  test.each([
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', false],
    ['304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', false],
    ['nothing', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', false],
    ['an answer to HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', true],
  ])('%s has no body', (_name, text, isHead) => {
    expect(read([text], { isHead })).toMatchObject({ body: '', isComplete: true, mayKeep: true });
  });

  test('interim answers are passed over', () => {
    expect(read([`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${counted}`])).toMatchObject({
      status: 200,
      body: 'hello',
    });
  });

  test.each([
    ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', false],
  ])('whether a connection may be kept: %j %s', (text, mayKeep) => {
    expect(read([text])).toMatchObject({ isComplete: true, mayKeep });
  });

  test('how long a server keeps it', () => {
    const reader = new HttpAnswerReader(() => {});
    reader.begin(false);
    reader.push(Buffer.from('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nContent-Length: 0\r\n\r\n'));
    expect(reader.keepMs).toBe(5_000);
  });

  test('one answer after another', () => {
    const heads: number[] = [];
    const reader = new HttpAnswerReader((status) => heads.push(status));
    for (const text of [counted, chunked, 'HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx']) {
      reader.begin(false);
      reader.push(Buffer.from(text));
      expect(reader.isComplete).toBe(true);
    }
    expect(heads).toEqual([200, 200, 404]);
  });

  test.each([
    'SSH-2.0-OpenSSH_9.2\r\n',
    'HTTP/2 200\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'f'.repeat(13)}\r\n`,
    `${counted}more`,
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`,
  ])('%.60j is refused', (text) => {
    expect(() => read([text])).toThrow(HttpSyntaxError);
  });

  test('reads the same however the input is cut', () => {
    const answer = fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 8 }),
      isChunked: fc.boolean(),
      cuts: fc.array(fc.nat(3_000), { maxLength: 12 }),
    });
    fc.assert(
      fc.property(answer, ({ sizes, isChunked, cuts }) => {
        const parts = sizes.map((size, index) => String.fromCharCode(97 + index).repeat(size));
        const body = parts.join('');
        const text = isChunked
          ? `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`
          : `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
        const at = [0, ...cuts.map((cut) => cut % text.length).sort((one, other) => one - other), text.length];
        const inputs = at.slice(1).map((end, index) => text.slice(at[index], end));
        expect(read(inputs)).toMatchObject({ status: 200, body, isComplete: true, mayKeep: true });
      }),
    );
  });
});
