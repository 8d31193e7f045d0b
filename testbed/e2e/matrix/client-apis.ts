import { anthropicApi } from './anthropic-api.ts';
import type { ClientApi } from './client-api.ts';
import { ollamaApis } from './ollama-apis.ts';
import { openaiApis } from './openai-apis.ts';
import { responsesApi } from './responses-api.ts';

/** All of them, in the order of the table. */
export const clientApis: readonly ClientApi[] = [...ollamaApis, ...openaiApis, anthropicApi, responsesApi];
