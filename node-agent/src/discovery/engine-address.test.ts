import { expect, test } from 'vitest';
import { toAddressKey, toEngineId } from './engine-address.ts';

test.each([
  ['ollama', 'http://127.0.0.1:11434', 'ollama-11434'],
  ['ollama', 'http://localhost:11434', 'ollama-11434'],
  ['ollama', 'http://192.168.1.20:11434', 'ollama-192.168.1.20-11434'],
  ['ollama', 'http://127.example.com', 'ollama-127.example.com-80'],
  ['openai', 'http://127.0.0.1:8000/v1', 'openai-8000'],
  ['openai', 'https://api.example.com/openai/v1', 'openai-api.example.com-443-openai'],
  ['openai', 'http://[2001:db8::1]:8000/v1', 'openai-2001-db8-1-8000'],
] as const)('%s at %s has the id %s', (dialect, url, engineId) => {
  expect(toEngineId({ dialect, url })).toBe(engineId);
});

test('two ways of writing one address are one', () => {
  const own = new Set(['desk', '192.168.1.5']);
  const urls = [
    'http://127.0.0.1:8000/v1',
    'http://localhost:8000',
    'http://[::1]:8000/v1',
    'http://192.168.1.5:8000/v1/',
    'http://desk:8000',
  ];
  expect(new Set(urls.map((url) => toAddressKey({ url }, own)))).toHaveProperty('size', 1);
  const others = [
    'http://127.0.0.1:8001',
    'http://192.168.1.6:8000',
    'http://127.0.0.1:8000/other',
    'http://127.0.0.1',
  ];
  expect(new Set([...urls, ...others].map((url) => toAddressKey({ url }, own)))).toHaveProperty('size', 5);
});
