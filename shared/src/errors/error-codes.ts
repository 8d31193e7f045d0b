/**
 * Every error Waggle itself can give, with what each protocol says for it.
 * `http` is the status a client gets, `grpc` the status number of the gRPC specification,
 * `retryable` whether the same request may succeed a little later.
 */
export const errorCodes = {
  'bad-request': { http: 400, grpc: 3, retryable: false },
  unsupported: { http: 400, grpc: 12, retryable: false },
  'context-length-exceeded': { http: 400, grpc: 11, retryable: false },
  unauthorized: { http: 401, grpc: 16, retryable: false },
  forbidden: { http: 403, grpc: 7, retryable: false },
  'not-found': { http: 404, grpc: 5, retryable: false },
  'model-not-found': { http: 404, grpc: 5, retryable: false },
  'method-not-allowed': { http: 405, grpc: 12, retryable: false },
  'request-timeout': { http: 408, grpc: 4, retryable: false },
  'body-too-large': { http: 413, grpc: 11, retryable: false },
  'rate-limited': { http: 429, grpc: 8, retryable: true },
  'client-gone': { http: 499, grpc: 1, retryable: false },
  internal: { http: 500, grpc: 13, retryable: false },
  'not-implemented': { http: 501, grpc: 12, retryable: false },
  'engine-failed': { http: 502, grpc: 13, retryable: true },
  'engine-unreachable': { http: 502, grpc: 14, retryable: true },
  overloaded: { http: 503, grpc: 8, retryable: true },
  'no-node': { http: 503, grpc: 14, retryable: true },
  draining: { http: 503, grpc: 14, retryable: true },
  'deadline-exceeded': { http: 504, grpc: 4, retryable: false },
  'loop-detected': { http: 508, grpc: 9, retryable: false },
} as const satisfies Record<string, ErrorKind>;

interface ErrorKind {
  readonly http: number;
  readonly grpc: number;
  readonly retryable: boolean;
}

export type ErrorCode = keyof typeof errorCodes;

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(errorCodes, value);
}
