import type { EngineHeaders } from '@waggle/shared/dialects/dialect.ts';
import type { CallFailure, EngineRequest, RunningCall } from './engine-call.ts';
import type { EngineHttp } from './engine-http.ts';

/** A whole answer of an engine, whatever its status. */
export interface EngineReply {
  readonly status: number;
  readonly headers: EngineHeaders;
  readonly body: Buffer;
}

/** The engine gave no whole answer. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly failure: CallFailure;

  constructor(failure: CallFailure) {
    super(failure.message, { cause: failure.cause });
    this.failure = failure;
  }
}

const replyMaxBytes = 16 * 1024 * 1024;

/**
 * A small question to an engine, answered whole. Rejects with a CallError, or with the signal's reason; an aborted one has its
 * connection destroyed.
 */
export function askEngine(http: EngineHttp, request: EngineRequest, signal?: AbortSignal): Promise<EngineReply> {
  const { promise, resolve, reject } = Promise.withResolvers<EngineReply>();
  if (signal?.aborted) return Promise.reject(reasonOf(signal));
  const chunks: Uint8Array[] = [];
  let size = 0;
  let status = 0;
  let headers: EngineHeaders = {};
  const release = () => signal?.removeEventListener('abort', abort);
  const call: RunningCall = http.call(request, {
    head(theirStatus, theirHeaders) {
      status = theirStatus;
      headers = theirHeaders;
    },
    data(bytes) {
      chunks.push(bytes);
      size += bytes.length;
      if (size > replyMaxBytes) {
        release();
        call.abort();
        const message = 'the answer is longer than 16 MiB';
        reject(new CallError({ kind: 'broken', message, refused: false, cause: undefined }));
      }
      return true;
    },
    ended() {
      release();
      resolve({ status, headers, body: Buffer.concat(chunks) });
    },
    failed(failure) {
      release();
      reject(new CallError(failure));
    },
  });
  function abort(): void {
    call.abort();
    if (signal !== undefined) reject(reasonOf(signal));
  }
  signal?.addEventListener('abort', abort, { once: true });
  return promise;
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason });
}
