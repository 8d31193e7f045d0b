import { buffer } from 'node:stream/consumers';
import { constants, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { send } from '../test-client.ts';
import { startTestServer, text } from '../test-server.ts';

const answered = {
  script: async function* () {
    yield text('{"done":true}', true);
  },
};
const chat = Buffer.from(JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }], stream: false }));
const packers = { gzip: gzipSync, zstd: zstdCompressSync };

describe.each(['gzip', 'zstd'] as const)('a body packed by %s', (encoding) => {
  const headers = { 'content-encoding': encoding };
  const pack = packers[encoding];

  it.each(['/api/chat', '/v1/chat/completions', '/api/show'])('is read on %s', async (path) => {
    await using server = await startTestServer({
      ...answered,
      nodes: [{ name: 'a', models: [{ name: 'tiny:latest' }] }],
    });
    const packed = await send(server.port, path, { headers, body: pack(chat) });
    const plain = await send(server.port, path, { body: chat });
    expect(packed).toMatchObject({ status: plain.status, text: plain.text });
    for (const { request } of server.inference.runs) expect(Buffer.from(request.body)).toEqual(chat);
  });

  it('is refused once what comes out is too large', async () => {
    await using server = await startTestServer({ ...answered, limits: { maxBodyBytes: 1_000_000 } });
    const body = pack(Buffer.alloc(50_000_000, ' '));
    expect(body.length).toBeLessThan(100_000);
    const reply = await send(server.port, '/api/chat', { headers, body });
    expect(reply).toMatchObject({ status: 413, text: expect.stringContaining('limits.maxBodyBytes') });
    expect((await send(server.port, '/api/chat', { headers, body: pack(chat) })).status).toBe(200);
  });

  it.each([
    ['cut', pack(chat).subarray(0, -6)],
    ['not packed at all', chat],
  ])('that is %s is refused in words', async (_case, body) => {
    await using server = await startTestServer(answered);
    const reply = await send(server.port, '/v1/chat/completions', { headers, body });
    expect(reply).toMatchObject({ status: 400, text: expect.stringContaining('damaged') });
    expect(server.inference.runs).toEqual([]);
  });
});

it('an encoding that nobody knows is refused in words', async () => {
  await using server = await startTestServer(answered);
  const reply = await send(server.port, '/api/chat', { headers: { 'content-encoding': 'x-mine' }, body: chat });
  expect(reply).toMatchObject({ status: 400, text: expect.stringContaining('\\"x-mine\\" is not known') });
});

it.each([
  [23, 200],
  [24, 400],
])('a window of 2^%d bytes for zstd: %d', async (windowLog, status) => {
  await using server = await startTestServer(answered);
  const packer = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
  // What is begun before its length is known asks for the whole window.
  packer.write(chat.subarray(0, 10));
  packer.flush(() => packer.end(chat.subarray(10)));
  const body = await buffer(packer);
  const reply = await send(server.port, '/api/chat', { headers: { 'content-encoding': 'zstd' }, body });
  expect(reply.status).toBe(status);
});
