import { expect, test } from 'vitest';
import { followed } from './source-request.ts';

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
