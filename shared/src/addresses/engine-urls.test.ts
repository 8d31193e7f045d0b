import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseEngineUrl, parseOllamaHost } from './engine-urls.ts';

test.each([
  ['http://10.0.0.1:11434', undefined, 'ollama', 'http://10.0.0.1:11434'],
  ['10.0.0.1:11434', undefined, 'ollama', 'http://10.0.0.1:11434'],
  ['http://10.0.0.1:11434/api', undefined, 'ollama', 'http://10.0.0.1:11434'],
  ['http://10.0.0.1:11434/api/', undefined, 'ollama', 'http://10.0.0.1:11434'],
  ['https://box/prefix/', undefined, 'ollama', 'https://box/prefix'],
  ['http://10.0.0.1:8000/v1', undefined, 'openai', 'http://10.0.0.1:8000/v1'],
  ['http://10.0.0.1:8000/x/v1/', undefined, 'openai', 'http://10.0.0.1:8000/x/v1'],
  ['http://10.0.0.1:8000', 'openai', 'openai', 'http://10.0.0.1:8000/v1'],
  ['http://10.0.0.1:8000/openai', 'openai', 'openai', 'http://10.0.0.1:8000/openai'],
  ['http://[::1]:8080', 'ollama', 'ollama', 'http://[::1]:8080'],
  ['https://big.lan/prefix/v1/', undefined, 'openai', 'https://big.lan/prefix/v1'],
  ['127.0.0.1:8000/v1', undefined, 'openai', 'http://127.0.0.1:8000/v1'],
] as const)('%s as %s is %s at %s', (text, named, dialect, url) => {
  expect(parseEngineUrl(text, named)).toEqual({ ok: true, dialect, url });
});

test.each([
  ['', undefined, 'is no address'],
  ['http://', undefined, 'is no address'],
  ['ftp://box', undefined, 'must begin with http:// or https://'],
  ['http://me:pw@box', undefined, expect.stringContaining('must not hold a user name or password')],
  ['http://box?x=1', undefined, 'must not hold ? or #'],
  ['http://box:0', undefined, 'must not have port 0'],
  ['http://box/v1', 'ollama', 'ends in /v1, which Ollama is not driven by; leave it off'],
  ['http://box/api', 'openai', 'ends in /api, which is no OpenAI-compatible path; end it in /v1'],
] as const)('%s as %s is refused', (text, named, problem) => {
  expect(parseEngineUrl(text, named)).toEqual({ ok: false, problem });
});

test.each([
  ['', 'http://127.0.0.1:11434'],
  ['127.0.0.1', 'http://127.0.0.1:11434'],
  ['127.0.0.1:5', 'http://127.0.0.1:5'],
  [':5', 'http://127.0.0.1:5'],
  ['0.0.0.0', 'http://127.0.0.1:11434'],
  ['0.0.0.0:5', 'http://127.0.0.1:5'],
  ['[::]:5', 'http://[::1]:5'],
  ['::1', 'http://[::1]:11434'],
  ['box', 'http://box:11434'],
  ['box.lan:1234', 'http://box.lan:1234'],
  ['box/path', 'http://box:11434/path'],
  [' 1.2.3.4 ', 'http://1.2.3.4:11434'],
  ['http://', 'http://127.0.0.1'],
  ['http://box', 'http://box'],
  ['https://box', 'https://box'],
  ['HTTP://box:5', 'http://box:5'],
  ['https://box:5/ollama/', 'https://box:5/ollama'],
  ['"box:5"', 'http://box:5'],
])('OLLAMA_HOST=%s means %s', (text, url) => {
  expect(parseOllamaHost(text)).toBe(url);
});

test.each(['a b', 'box:99999', 'box:x', 'ftp://box', 'http://me@box'])('OLLAMA_HOST=%s means nothing', (text) => {
  expect(parseOllamaHost(text)).toBeUndefined();
});

test('of any text comes a URL without a slash at its end, or nothing', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        'http',
        'https',
        '://',
        ':',
        '/',
        '[',
        ']',
        '::',
        '@',
        '?',
        '#',
        'box',
        '1',
        '.',
        '%',
        '/v1',
        '/api',
      ),
      fc.string(),
    ),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(pieces, (written) => {
      const text = written.join('');
      const engine = parseEngineUrl(text);
      for (const url of [parseOllamaHost(text), engine.ok ? engine.url : undefined]) {
        if (url !== undefined) expect(new URL(url).href.replace(/\/$/, '')).toBe(url);
      }
    }),
    { numRuns: 2_000, examples: [[['A', '/', '/api']]] },
  );
});
