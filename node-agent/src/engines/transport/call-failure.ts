import type { CallFailure } from './engine-call.ts';

/** What a lost call means. `begun`: the request may have reached the engine. */
export function toCallFailure(error: unknown, begun: boolean): CallFailure {
  const code = codeOf(error);
  const refused = code === 'ECONNREFUSED';
  const text = words[code] ?? (error instanceof Error && error.message !== '' ? error.message : 'unknown failure');
  const kind = begun ? 'broken' : 'unreachable';
  return { kind, refused, message: text, cause: error };
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Several addresses of one name were tried.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return '';
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed while the request was sent',
  CLOSED: 'connection closed by the engine',
  CONNECT_TIMEOUT: 'no connection within 5 s',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name could not be looked up',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  EPROTO: 'no TLS there; is it http://?',
};
