import { CoreRefusal } from '../core-refusal.ts';
import type { Exchange } from '../exchange.ts';
import { escapeGoHtml } from './go-html.ts';
import { GoJsonError } from './go-json.ts';

/** An error answer of Ollama's. */
export class OllamaRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'OllamaRefusal';
    this.status = status;
  }
}

const BUSY = 'server busy, please try again.  maximum pending requests exceeded';

export function refuseAsOllama(exchange: Exchange, error: unknown): void {
  const { status, message } = toRefusal(exchange, error);
  if (exchange.begun) exchange.end(`${errorJson(message)}\n`);
  else sendOllamaJson(exchange, status, errorJson(message));
}

function toRefusal(exchange: Exchange, error: unknown): { readonly status: number; readonly message: string } {
  if (error instanceof OllamaRefusal) return error;
  if (error instanceof GoJsonError) return { status: 400, message: error.message };
  if (error instanceof CoreRefusal) {
    if (error.code === 'busy') return { status: 503, message: BUSY };
    return { status: 404, message: `model '${exchange.record.model}' not found` };
  }
  throw error;
}

export function errorJson(message: string): string {
  return escapeGoHtml(JSON.stringify({ error: message }));
}

export const jsonHeaders = { 'content-type': 'application/json; charset=utf-8' };

/** Beyond this Go's server does not know the length when it sends the headers. */
export const bufferedLength = 2048;

/** One JSON body, without a newline; long ones chunked, as Go sends them. */
export function sendOllamaJson(exchange: Exchange, status: number, json: string): void {
  exchange.send(status, jsonHeaders, json, bufferedLength);
}

export function sendText(exchange: Exchange, status: number, text: string, allow?: string): void {
  const plain = status === 200 ? 'text/plain; charset=utf-8' : 'text/plain';
  exchange.send(status, { 'content-type': plain, ...(allow === undefined ? {} : { allow }) }, text);
}
