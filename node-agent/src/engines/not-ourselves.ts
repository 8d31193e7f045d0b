import type { EngineHeaders } from '@waggle/shared/dialects/dialect.ts';

/** Every answer of Waggle says so. */
export function isFromWaggle(headers: EngineHeaders): boolean {
  const server = headers['server'];
  return typeof server === 'string' && /^waggle\b/i.test(server);
}

export const waggleWords =
  'Waggle itself answers at this address, not an engine; point OLLAMA_HOST or the configured URL at the engine';

/** What Waggle says to a request that went through it before. */
export const loopDetected = 508;

export const loopWords =
  'what answers at this address leads back to the very cluster this node belongs to; point OLLAMA_HOST or the configured URL at the engine';
