import type { EngineAddress } from './engine-address.ts';

/** Where engines listen when nobody told them otherwise. */
export const defaultOllamaUrl = 'http://127.0.0.1:11434';

const usualAddresses: readonly EngineAddress[] = [
  { dialect: 'openai', url: 'http://127.0.0.1:8000/v1' }, // vLLM
  { dialect: 'openai', url: 'http://127.0.0.1:8080/v1' }, // llama-server, llama-swap
  { dialect: 'openai', url: 'http://127.0.0.1:1234/v1' }, // LM Studio
];

/** Where to look: Ollama where the user says it is, and the usual ports of the others. */
export function toCandidates(ollamaUrl: string | undefined): readonly EngineAddress[] {
  return [{ dialect: 'ollama', url: ollamaUrl ?? defaultOllamaUrl }, ...usualAddresses];
}
