import { isFilled, isObject, type JsonObject, parseObject, toArray } from '../json/json-value.ts';

/** What an engine says of an error, out of whichever form it says it in. */
export interface EngineWords {
  /** Empty if the body says nothing a reader could use. */
  readonly message: string;
  /** The engine's own class of the error (`invalid_request_error`, `BadRequestError`). */
  readonly type: string;
  /** A status inside the body; servers that wrap another's error keep it there. */
  readonly status?: number;
  /** Field of the request that is wrong. */
  readonly param?: string;
}

const longestPlainText = 1_000;
/** Ollama wraps what its runner said, which may be wrapped itself. */
const mostWrappings = 4;

/**
 * Known forms: `{"error": "text"}` (Ollama; the text may be the runner's JSON), `{"error": {message, type, code, param}}`
 * (OpenAI, vLLM, llama-server), `{"object": "error", message, type, code}` (older vLLM), `{"detail": "text" | [{loc, msg}]}`
 * (FastAPI), `{"message": "text"}`, plain text. A page of HTML says nothing.
 */
export function readEngineWords(body: string): EngineWords {
  return wordsOf(body, 0);
}

/** The same for the value of an `error` key that came in a stream. */
export function readReportedWords(error: unknown): EngineWords {
  if (typeof error === 'string') return wordsOf(error, 1);
  return isObject(error) ? wordsOfObject(error, 1) : { message: '', type: '' };
}

function wordsOf(text: string, depth: number): EngineWords {
  const parsed = depth < mostWrappings ? parseObject(text) : undefined;
  if (parsed !== undefined) return wordsOfObject(parsed, depth);
  const plain = text.trim();
  return { message: plain.startsWith('<') ? '' : plain.slice(0, longestPlainText), type: '' };
}

function wordsOfObject(body: JsonObject, depth: number): EngineWords {
  const { error, detail, message } = body;
  if (isFilled(error)) return wordsOf(error, depth + 1);
  if (isObject(error)) return wordsOfError(error);
  if (isFilled(message)) return wordsOfError(body);
  if (isFilled(detail)) return { message: detail, type: '' };
  const details = toArray(detail);
  return { message: details === undefined ? '' : details.map(detailLine).filter(isFilled).join('; '), type: '' };
}

function wordsOfError(error: JsonObject): EngineWords {
  const { message, type, code, param } = error;
  const status = Number(code);
  return {
    message: isFilled(message) ? message : '',
    type: isFilled(type) ? type : '',
    ...(status >= 400 && status < 600 ? { status } : {}),
    ...(isFilled(param) ? { param } : {}),
  };
}

function detailLine(item: unknown): string {
  if (!isObject(item) || !isFilled(item['msg'])) return '';
  const place = toArray(item['loc'])?.join('.') ?? '';
  return place === '' ? item['msg'] : `${place}: ${item['msg']}`;
}
