import { expect, test } from 'vitest';
import { parseEngineUrl, parseOllamaHost } from './engine-url.ts';

test.each([
  ['http://127.0.0.1:11434', { dialect: 'ollama', url: 'http://127.0.0.1:11434' }],
  ['http://127.0.0.1:11434/api', { dialect: 'ollama', url: 'http://127.0.0.1:11434' }],
  ['http://127.0.0.1:11434/api/', { dialect: 'ollama', url: 'http://127.0.0.1:11434' }],
  ['127.0.0.1:8000/v1', { dialect: 'openai', url: 'http://127.0.0.1:8000/v1' }],
  ['https://big.lan/prefix/v1/', { dialect: 'openai', url: 'https://big.lan/prefix/v1' }],
])('LLAMA_BASE_URL %s', (written, address) => {
  expect(parseEngineUrl('LLAMA_BASE_URL', written)).toEqual(address);
});

test.each([
  ['', 'http://127.0.0.1:11434'],
  [':8080', 'http://127.0.0.1:8080'],
  ['0.0.0.0', 'http://127.0.0.1:11434'],
  ['0.0.0.0:9999', 'http://127.0.0.1:9999'],
  ['[::]:9999', 'http://[::1]:9999'],
  ['::1', 'http://[::1]:11434'],
  ['example.com', 'http://example.com:11434'],
  ['example.com:1234', 'http://example.com:1234'],
  ['http://example.com', 'http://example.com'],
  ['https://example.com', 'https://example.com'],
  ['https://example.com:8443/ollama/', 'https://example.com:8443/ollama'],
  ['example.com/path', 'http://example.com:11434/path'],
  ['"1.2.3.4"', 'http://1.2.3.4:11434'],
  [' 1.2.3.4 ', 'http://1.2.3.4:11434'],
  ['example.com:99999', undefined],
  ['http://', 'http://127.0.0.1'],
])('OLLAMA_HOST %s', (written, url) => {
  expect(parseOllamaHost(written)).toBe(url);
});
