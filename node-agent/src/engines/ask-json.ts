import { EngineProblem } from './engine-problem.ts';
import { type JsonObject, toObject } from './json-facts.ts';
import { isFromWaggle, loopDetected, loopWords, waggleWords } from './not-ourselves.ts';
import { askEngine, CallError, type EngineReply } from './transport/ask-engine.ts';
import type { EngineRequest } from './transport/engine-call.ts';
import type { EngineHttp } from './transport/engine-http.ts';

/** Asks, and makes an EngineProblem of everything that keeps an engine from being one. Any other status is the caller's. */
export async function askProbe(
  http: EngineHttp,
  path: string,
  signal: AbortSignal,
  body?: JsonObject,
): Promise<EngineReply> {
  const reply = await askAnybody(http, path, signal, body);
  if (isRejection(reply)) {
    throw new EngineProblem(
      'rejected',
      `the engine answers ${reply.status}: it wants another API key, or none of this host`,
    );
  }
  return reply;
}

export function isRejection({ status }: Pick<EngineReply, 'status'>): boolean {
  return status === 401 || status === 403;
}

/** Asks who need not be an engine: whatever it answers is the caller's, unless it is Waggle. Rejects with an EngineProblem. */
export async function askAnybody(
  http: EngineHttp,
  path: string,
  signal: AbortSignal,
  body?: JsonObject,
): Promise<EngineReply> {
  const request: EngineRequest =
    body === undefined ? { method: 'GET', path } : { method: 'POST', path, body: [Buffer.from(JSON.stringify(body))] };
  const reply = await askEngine(http, request, signal).catch((thrown: unknown) => {
    throw toProblem(thrown, signal);
  });
  if (isFromWaggle(reply.headers)) throw new EngineProblem('waggle', waggleWords);
  if (reply.status === loopDetected) throw new EngineProblem('waggle', loopWords);
  return reply;
}

/** The JSON object of a 200; undefined for any other answer. */
export async function askObject(
  http: EngineHttp,
  path: string,
  signal: AbortSignal,
  body?: JsonObject,
): Promise<JsonObject | undefined> {
  return toJson(await askProbe(http, path, signal, body));
}

/** The JSON object in a 200; undefined for any other answer. */
export function toJson({ status, body }: EngineReply): JsonObject | undefined {
  if (status !== 200) return undefined;
  try {
    return toObject(JSON.parse(body.toString('utf8')));
  } catch {
    return undefined;
  }
}

function toProblem(thrown: unknown, signal: AbortSignal): EngineProblem {
  if (thrown instanceof CallError) {
    const { refused, kind, message } = thrown.failure;
    const gone = refused || kind === 'unreachable';
    return new EngineProblem(gone ? 'refused' : 'no-answer', message, { cause: thrown });
  }
  const message = signal.aborted ? 'no answer in time' : thrown instanceof Error ? thrown.message : String(thrown);
  return new EngineProblem('no-answer', message, { cause: thrown });
}
