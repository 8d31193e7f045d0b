import { expect, it } from 'vitest';
import { createCors } from './cross-origin.ts';

const cors = createCors(['https://chat.example', 'https://*.team.example', 'chrome-extension://*']);

it.each([
  'http://localhost',
  'http://localhost:8080',
  'https://127.0.0.1:1',
  'http://0.0.0.0:3000',
  'app://obsidian.md',
  'app://obsidian.md/index.html',
  'file:///home/x/page.html',
  'file://',
  'tauri://localhost',
  'vscode-webview://abc',
  'https://chat.example',
  'https://a.team.example',
  'chrome-extension://abcdef',
])('lets %s in', (origin) => {
  expect(cors.isAllowed(origin, 'elsewhere:1')).toBe(true);
});

it.each([
  'null',
  'file://x y',
  'https://file://x',
  'https://evil.example',
  'http://chat.example',
  'https://chat.example.evil.example',
  'https://evilteam.example',
  'https://evil.example/.team.example',
  'https://x@evil.example#.team.example',
  'http://localhost.evil.example',
  'http://localhost:1/evil',
  'http://localhost:1@evil.example',
  'http://127.0.0.1.evil.example',
  'http://192.168.1.7',
])('keeps %s out', (origin) => {
  expect(cors.isAllowed(origin, 'elsewhere:1')).toBe(false);
});

it('lets a page of this very server in', () => {
  expect(cors.isAllowed('http://10.0.0.5:3001', '10.0.0.5:3001')).toBe(true);
  expect(cors.isAllowed('https://waggle.example', 'waggle.example')).toBe(true);
  expect(cors.isAllowed('http://10.0.0.5:3002', '10.0.0.5:3001')).toBe(false);
  expect(cors.isAllowed('http://undefined', undefined)).toBe(false);
});

it('lets everybody in where the operator says so', () => {
  expect(createCors(['*']).isAllowed('null', 'host')).toBe(true);
});

it('lets pages say and read what clients do in headers', () => {
  expect(cors.preflight('http://localhost')['access-control-allow-headers']?.split(',')).toEqual(
    expect.arrayContaining([
      'Content-Type',
      'X-Waggle-Priority',
      'X-Waggle-Deadline-Ms',
      'X-Waggle-Cache',
      'Cache-Control',
    ]),
  );
  const headers: string[] = [];
  cors.append(headers, 'http://localhost');
  expect(headers[headers.indexOf('access-control-expose-headers') + 1]?.split(',')).toEqual(
    expect.arrayContaining(['X-Request-Id', 'X-Waggle-Node', 'X-Waggle-Attempts', 'X-Waggle-Cache']),
  );
});

it.each([
  ...['authorization', 'content-type', 'openai-organization', 'openai-project', 'x-api-key', 'anthropic-version'],
  ...['anthropic-beta', 'anthropic-dangerous-direct-browser-access', 'x-stainless-helper', 'x-stainless-helper-method'],
  ...['x-stainless-retry-count', 'x-stainless-timeout', 'x-stainless-poll-helper'],
])('lets pages send %s, as the SDKs of OpenAI and Anthropic do', (name) => {
  const allowed = cors.preflight('http://localhost')['access-control-allow-headers'] ?? '';
  expect(allowed.toLowerCase().split(',')).toContain(name);
});
