import type { LoadRequest } from '../src/cluster/client-load.ts';
import { countedText } from '../src/engines/answer-script.ts';

/** A chat whose complete answer is `w0 w1 …`; the forms of request in turn: both APIs, streamed and whole. */
export function askWords(model: string, count: number, question = 'count'): (index: number) => LoadRequest {
  const text = countedText(count);
  const messages = [{ role: 'user', content: question }];
  return (index) => {
    const stream = index % 4 < 2;
    const body = { model, messages, stream };
    if (index % 2 === 0) return { path: '/api/chat', dialect: stream ? 'ollama-stream' : 'ollama-whole', body, text };
    return { path: '/v1/chat/completions', dialect: stream ? 'openai-stream' : 'openai-whole', body, text };
  };
}

/** Streamed only, so that every answer has a first event long before its last. */
export function streamWords(model: string, count: number, question?: string): (index: number) => LoadRequest {
  const ask = askWords(model, count, question);
  return (index) => ask(index % 2);
}
