import type { DialectName } from '../chat/endpoints.ts';
import type { Dialect } from './dialect.ts';
import { ollama } from './ollama/ollama.ts';
import { openai } from './openai/openai.ts';

/** Every family of wire formats. A new one is a folder and a line here. */
export const dialects: Readonly<Record<DialectName, Dialect>> = { ollama, openai };
