/** A family of wire formats. A client and an engine of one family exchange their own bytes. */
export type DialectName = 'ollama' | 'openai';

/** What a job makes an engine do. `generate` and `completion` are the text-prompt calls of the two dialects. */
export type JobKind = 'chat' | 'generate' | 'embedding';

interface Endpoint {
  readonly dialect: DialectName;
  readonly kind: JobKind;
  readonly path: string;
}

/** The calls that take a lane, by name. The name travels in the job header, the path is the engine's. */
export const endpoints = {
  'ollama.chat': { dialect: 'ollama', kind: 'chat', path: '/api/chat' },
  'ollama.generate': { dialect: 'ollama', kind: 'generate', path: '/api/generate' },
  'ollama.embed': { dialect: 'ollama', kind: 'embedding', path: '/api/embed' },
  'ollama.embeddings': { dialect: 'ollama', kind: 'embedding', path: '/api/embeddings' },
  'openai.chat': { dialect: 'openai', kind: 'chat', path: '/v1/chat/completions' },
  'openai.completions': { dialect: 'openai', kind: 'generate', path: '/v1/completions' },
  'openai.embeddings': { dialect: 'openai', kind: 'embedding', path: '/v1/embeddings' },
} as const satisfies Record<string, Endpoint>;

export type EndpointName = keyof typeof endpoints;

export function isEndpointName(value: string): value is EndpointName {
  return Object.hasOwn(endpoints, value);
}
