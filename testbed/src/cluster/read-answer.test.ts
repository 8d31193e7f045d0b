import { describe, expect, it } from 'vitest';
import { readAnswer } from './read-answer.ts';

const words = (text: string, done = false) => `${JSON.stringify({ message: { content: text }, done })}\n`;
const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

describe('a client of Ollama', () => {
  it('reads a whole stream', () => {
    expect(readAnswer('ollama-stream', words('a') + words(' b') + words('', true))).toEqual({
      text: 'a b',
      ended: true,
      error: undefined,
      problem: undefined,
    });
  });

  it('sees a missing end, an error and what follows the end', () => {
    expect(readAnswer('ollama-stream', words('a')).ended).toBe(false);
    expect(readAnswer('ollama-stream', `${words('a')}{"error":"gone"}\n`).error).toBe('gone');
    expect(readAnswer('ollama-stream', words('', true) + words('b')).problem).toContain('after the end');
    expect(readAnswer('ollama-stream', `${words('a')}{"mess\n`).problem).toContain('SyntaxError');
  });

  it('does not take half a line for an event', () => {
    expect(readAnswer('ollama-stream', `${words('a')}{"done":true`)).toMatchObject({
      ended: false,
      problem: undefined,
    });
  });
});

describe('a client of OpenAI', () => {
  it('reads a whole stream, comments apart', () => {
    expect(readAnswer('openai-stream', `${chunk('a')}: still there\n\n${chunk(' b')}data: [DONE]\n\n`)).toEqual({
      text: 'a b',
      ended: true,
      error: undefined,
      problem: undefined,
    });
  });

  it('sees a missing end, an error and what follows it', () => {
    expect(readAnswer('openai-stream', chunk('a')).ended).toBe(false);
    const error = 'data: {"error":{"message":"gone"}}\n\n';
    expect(readAnswer('openai-stream', chunk('a') + error).error).toBe('gone');
    expect(readAnswer('openai-stream', `${error}data: [DONE]\n\n`).problem).toContain('after the end');
  });

  it('reads a whole answer', () => {
    expect(readAnswer('openai-whole', '{"choices":[{"message":{"content":"a"}}]}')).toMatchObject({
      text: 'a',
      ended: true,
    });
    expect(readAnswer('openai-whole', '')).toMatchObject({ text: '', ended: false });
  });
});
