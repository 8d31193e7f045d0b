import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { defaultPullLimits } from './pull-settings.ts';
import { followed, requestSource } from './source-request.ts';

test.each([
  ['https://a.example/x/m.gguf', '/y/m.gguf?k=1', 'https://a.example/y/m.gguf?k=1'],
  ['https://a.example/m.gguf', 'https://cdn.example/m', 'https://cdn.example/m'],
  ['http://a.example/m.gguf', 'https://a.example/m.gguf', 'https://a.example/m.gguf'],
  ['http://a.example/m.gguf', 'http://b.example/m.gguf', 'http://b.example/m.gguf'],
])('from %s, %s leads to %s', (from, location, to) => {
  expect(followed(new URL(from), location).href).toBe(to);
});

test.each([
  [
    'https://a.example/m.gguf',
    'http://a.example/m.gguf?k=1',
    'redirects to http://a.example/m.gguf, which is not encrypted',
  ],
  ['http://a.example/m.gguf', 'ftp://a.example/m.gguf', 'redirects to what is no address of a file'],
  ['http://a.example/m.gguf', 'http://', 'redirects to what is no address of a file'],
])('from %s, %s is not followed', (from, location, words) => {
  expect(() => followed(new URL(from), location)).toThrow(words);
});

test('a source that closes the connection before anybody read its bytes', async () => {
  const content = Buffer.alloc(100_000, 7);
  const server = createServer((socket) => {
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${content.length}\r\nconnection: close\r\n\r\n`;
    socket.once('data', () => socket.end(Buffer.concat([Buffer.from(head), content])));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { signal } = new AbortController();
  const { body } = await requestSource(
    `${url}/m.gguf`,
    {},
    { hub: { endpoint: url }, limits: defaultPullLimits, signal },
  );
  let count = 0;
  for (let turns = 0; turns < 100; turns++) await turn();
  for await (const chunk of body) count += chunk.length;
  expect(count).toBe(content.length);
  server.close();
});
