import type { CallFailure, EngineRequest } from './engine-call.ts';
import type { EngineHttp } from './engine-http.ts';

export type StreamedPart =
  | { readonly type: 'head'; readonly status: number; readonly contentType: string }
  | { readonly type: 'chunk'; readonly bytes: Uint8Array }
  | { readonly type: 'failed'; readonly failure: CallFailure };

/**
 * A long answer of an engine, read no faster than it is taken. Ends after the last chunk or a `failed`; throws the signal's
 * reason when that aborts. Leaving the loop early closes the connection.
 */
export async function* streamEngine(
  http: EngineHttp,
  request: EngineRequest,
  signal: AbortSignal,
): AsyncGenerator<StreamedPart, void, undefined> {
  signal.throwIfAborted();
  const parts: StreamedPart[] = [];
  let over = false;
  let wake = () => {};
  const put = (part: StreamedPart | undefined, last: boolean): void => {
    if (part !== undefined) parts.push(part);
    over ||= last;
    wake();
  };
  const call = http.call(request, {
    head: (status, headers) => {
      const contentType = headers['content-type'];
      put({ type: 'head', status, contentType: typeof contentType === 'string' ? contentType : '' }, false);
    },
    data: (bytes) => {
      put({ type: 'chunk', bytes }, false);
      return false;
    },
    ended: () => put(undefined, true),
    failed: (failure) => put({ type: 'failed', failure }, true),
  });
  const abort = () => wake();
  signal.addEventListener('abort', abort, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const part = parts.shift();
      if (part !== undefined) yield part;
      else if (over) return;
      else {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        call.resume();
        // Resuming may have brought something at once.
        if (parts.length === 0 && !over) await woken;
      }
    }
  } finally {
    signal.removeEventListener('abort', abort);
    call.abort();
  }
}
