import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import type { FailureCause, JobFailure } from '../../cluster/job.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { ErrorCode } from '../../errors/error-codes.ts';
import type { EngineHeaders } from '../dialect.ts';
import { type EngineWords, readEngineWords, readReportedWords } from './engine-words.ts';
import { readRetryAfterMs } from './retry-after.ts';

/** Sayings of a family's engines that tell more than their status. */
export interface KnownSayings {
  /** The request's own fault, although the status says the engine's. */
  readonly requestFaults: readonly RegExp[];
}

interface Verdict {
  readonly cause: FailureCause;
  readonly code: ErrorCode;
  /** False: the status would mislead the client and is not handed on. */
  readonly keepsStatus?: boolean;
}

const mostBodyLength = 64 * 1024;
/** A model that is being loaded is asked again this soon, where the engine names no time. */
const loadingMs = 1_000;

const contextSayings = [
  /exceed_context_size/,
  /input length exceeds the context length/i,
  /exceeds? (?:the |this model's )?(?:available |maximum )?context/i,
  /maximum context length/i,
  /context[_ ]length[_ ]exceeded/i,
  /longer than the maximum model length/i,
  // llama-server, of a text to embed that does not fit into one batch.
  /\binput \(\d+ tokens\) is too large to process/i,
];
const modelSayings = [/\bmodel\b.*(?:not found|not exist|not loaded|unknown)/i, /no such model/i];
const busySayings = [/server busy/i, /overloaded/i, /too many (?:concurrent )?requests/i, /queue (?:is )?full/i];
const loadingSayings = [/loading model/i, /model is (?:being loaded|loading)/i];

/** An engine's error answer as a failure: whose fault it is, and the engine's own words. */
export function toEngineFailure(
  answer: { readonly status: number; readonly headers: EngineHeaders; readonly body: string },
  endpoint: EndpointName,
  known: KnownSayings,
): JobFailure {
  const { status, headers, body } = answer;
  const words = readEngineWords(body);
  const isLoading = status === 503 && matches(loadingSayings, words);
  const retryAfterMs = readRetryAfterMs(headers) ?? (isLoading ? loadingMs : undefined);
  const verdict = judge(isCloudRefusal(status, body) ? 403 : status, words, known, retryAfterMs !== undefined);
  const isKept = verdict.keepsStatus ?? true;
  return {
    cause: verdict.cause,
    code: verdict.code,
    message: messageOf(status, words, verdict, endpoint),
    ...(isKept ? { engineStatus: status } : {}),
    ...(body === '' ? {} : { engineBody: body.slice(0, mostBodyLength) }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(words.param === undefined ? {} : { param: words.param }),
  };
}

/** An error that an engine reported inside a stream, or in a body whose status promised an answer. */
export function toReportedFailure(error: unknown, known: KnownSayings): ClusterError {
  const words = readReportedWords(error);
  const status = words.status ?? 500;
  const verdict = judge(status, words, known, false);
  const message = words.message === '' ? 'the engine reported an error without a reason' : words.message;
  return new ClusterError(verdict.code, message, {
    details: {
      engineMessage: message,
      ...(words.status === undefined || verdict.keepsStatus === false ? {} : { engineStatus: words.status }),
      ...(words.param === undefined ? {} : { param: words.param }),
    },
  });
}

function judge(status: number, words: EngineWords, known: KnownSayings, namesTime: boolean): Verdict {
  // With words it is about the model or what was asked of it; without any about whoever asks.
  if (status === 403 && words.message !== '') return { cause: 'forbidden', code: 'forbidden' };
  if (status === 401 || status === 403 || status === 407)
    return { cause: 'auth', code: 'engine-failed', keepsStatus: false };
  if (status === 429) return { cause: 'rate-limited', code: 'rate-limited' };
  if (status === 499) return { cause: 'request', code: 'client-gone' };
  if (status < 500 && matches(contextSayings, words)) return { cause: 'request', code: 'context-length-exceeded' };
  if (status === 404 || status === 405) {
    return status === 404 && matches(modelSayings, words)
      ? { cause: 'request', code: 'model-not-found' }
      : { cause: 'request', code: 'unsupported', keepsStatus: false };
  }
  if (status === 413) return { cause: 'request', code: 'body-too-large' };
  // The engine's own troubles under a 4xx: too slow to read, in conflict with itself, too early.
  if (status === 408 || status === 409 || status === 423 || status === 425)
    return { cause: 'engine', code: 'engine-failed', keepsStatus: false };
  if (status >= 400 && status < 500) return { cause: 'request', code: 'bad-request' };
  if (status === 501) return { cause: 'request', code: 'not-implemented' };
  if (status === 503 && (namesTime || matches(busySayings, words) || matches(loadingSayings, words)))
    return { cause: 'rate-limited', code: 'overloaded' };
  if (status >= 500) return judgeServerError(words, known);
  return { cause: 'engine', code: 'engine-failed', keepsStatus: false };
}

/** An Ollama that nobody signed in refuses the models of its cloud, and no others. */
function isCloudRefusal(status: number, body: string): boolean {
  return status === 401 && body.includes('"signin_url"');
}

function judgeServerError(words: EngineWords, known: KnownSayings): Verdict {
  if (matches(contextSayings, words)) return { cause: 'request', code: 'context-length-exceeded', keepsStatus: false };
  const isWrapped = words.status !== undefined && words.status >= 400 && words.status < 500 && words.status !== 429;
  if (isWrapped || matches(known.requestFaults, words))
    return { cause: 'request', code: 'bad-request', keepsStatus: false };
  return { cause: 'engine', code: 'engine-failed' };
}

function matches(sayings: readonly RegExp[], words: EngineWords): boolean {
  return sayings.some((saying) => saying.test(words.message) || saying.test(words.type));
}

function messageOf(status: number, words: EngineWords, verdict: Verdict, endpoint: EndpointName): string {
  // An engine may quote the key it was given; the operator finds the rest in the engine's body.
  if (verdict.cause === 'auth') return `the engine refused this node's credentials (status ${status})`;
  if (verdict.code === 'unsupported') return `the engine does not serve ${endpoints[endpoint].path}`;
  return words.message === '' ? `the engine answered with status ${status} and gave no reason` : words.message;
}
