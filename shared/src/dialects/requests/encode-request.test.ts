import { describe, expect, test } from 'vitest';
import type { GenerationRequest } from '../../chat/generation-request.ts';
import { dialects } from '../dialects.ts';

const png = 'iVBORw0KGgo=';

describe('a request written for its own family is read back the same', () => {
  const requests: GenerationRequest[] = [
    {
      kind: 'chat',
      model: 'm',
      stream: true,
      sampling: {
        maxTokens: 5,
        temperature: 0.5,
        topP: 0.9,
        topK: 3,
        seed: 1,
        stop: ['a', 'b'],
        numCtx: 2048,
        options: { num_thread: 2 },
      },
      messages: [
        { role: 'system', content: [{ type: 'text', text: 's' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'image', image: { base64: png } },
          ],
        },
        {
          role: 'assistant',
          content: [],
          thinking: 'hm',
          toolCalls: [{ index: 0, id: 'c', name: 'f', arguments: '{"x":1}' }],
        },
        { role: 'tool', content: [{ type: 'text', text: '1' }], toolCallId: 'c', toolName: 'f' },
      ],
      tools: [{ name: 'f', description: 'd', parameters: { type: 'object' } }],
      format: { type: 'json-schema', schema: { type: 'object' } },
      think: 'low',
      logprobs: true,
      topLogprobs: 2,
      keepAlive: '5m',
    },
    {
      kind: 'generate',
      model: 'm',
      stream: false,
      sampling: {},
      prompt: 'a',
      suffix: 'b',
      system: 's',
      context: [1, 2],
    },
    {
      kind: 'embedding',
      model: 'm',
      input: ['a', 'b'],
      single: false,
      dimensions: 3,
      truncate: false,
      options: { num_ctx: 5 },
    },
  ];
  test.each(requests.map((request) => [request.kind, request] as const))('Ollama %s', (_, request) => {
    const { endpoint, body } = dialects.ollama.encodeRequest(request);
    expect(dialects.ollama.decodeRequest(endpoint, JSON.parse(JSON.stringify(body)))).toEqual(request);
  });

  test('OpenAI chat', () => {
    const request: GenerationRequest = {
      kind: 'chat',
      model: 'm',
      stream: false,
      sampling: { maxTokens: 5, temperature: 0.5, repeatPenalty: 1.1, n: 2, logitBias: { 5: -1 } },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'image', image: { mimeType: 'image/png', base64: png } },
          ],
        },
        {
          role: 'assistant',
          content: [],
          thinking: 'hm',
          toolCalls: [{ index: 0, id: 'c', name: 'f', arguments: '{"x": 1}' }],
        },
        { role: 'tool', content: [{ type: 'text', text: '1' }], toolCallId: 'c', toolName: 'f' },
      ],
      tools: [{ name: 'f', parameters: { type: 'object' }, strict: true }],
      toolChoice: { name: 'f' },
      parallelToolCalls: false,
      format: { type: 'json-schema', schema: {}, name: 'n', strict: false },
      think: 'medium',
    };
    const { endpoint, body } = dialects.openai.encodeRequest(request);
    expect(dialects.openai.decodeRequest(endpoint, JSON.parse(JSON.stringify(body)))).toEqual(request);
  });
});
