import type { IncomingHttpHeaders } from 'node:http';
import type { DialectName } from '@waggle/shared/chat/endpoints.ts';

/** Whose form an error is written in. */
export type ErrorForm = DialectName | 'anthropic';

const messagesPath = /^\/v1\/messages(?:[/?]|$)/;
const modelsPath = /^\/v1\/models(?:[/?]|$)/;

/**
 * `/v1/messages` is Anthropic's, the rest of `/v1` is OpenAI's, save for the models where a client of Anthropic's asks for them; everything
 * else answers errors as Ollama does. `path` may have a query.
 */
export function errorFormOf(path: string, headers: IncomingHttpHeaders): ErrorForm {
  if (path !== '/v1' && !path.startsWith('/v1/')) return 'ollama';
  const isAnthropic = messagesPath.test(path) || (modelsPath.test(path) && asksAnthropic(headers));
  return isAnthropic ? 'anthropic' : 'openai';
}

/** The header that every client of Anthropic's sends, and no other. */
export function asksAnthropic(headers: IncomingHttpHeaders): boolean {
  return headers['anthropic-version'] !== undefined;
}

/** The headers that name a request, as name, value: Anthropic's clients look for a name of their own. */
export function idHeaders(form: ErrorForm, requestId: string): string[] {
  return form === 'anthropic' ? ['x-request-id', requestId, 'request-id', requestId] : ['x-request-id', requestId];
}
