import { CoreRefusal } from '../core-refusal.ts';
import type { Exchange } from '../exchange.ts';
import type { OpenAiFlavour, OpenAiTraits } from './openai-traits.ts';

/** An error answer of an OpenAI-compatible server; the flavour gives it its form. */
export class OpenAiRefusal extends Error {
  readonly status: number;
  readonly param: string | null;

  constructor(status: number, message: string, param: string | null = null) {
    super(message);
    this.name = 'OpenAiRefusal';
    this.status = status;
    this.param = param;
  }
}

export function jsonHeadersOf(flavour: OpenAiFlavour): Readonly<Record<string, string>> {
  switch (flavour) {
    case 'vllm':
      return { server: 'uvicorn', 'content-type': 'application/json' };
    case 'llama-server':
      return {
        server: 'llama.cpp',
        'access-control-allow-origin': '',
        'content-type': 'application/json; charset=utf-8',
      };
    case 'lm-studio':
      return { 'x-powered-by': 'Express', 'content-type': 'application/json; charset=utf-8' };
  }
}

export function refuseAsOpenAi(exchange: Exchange, error: unknown, traits: OpenAiTraits): void {
  const refusal = toRefusal(exchange, error, traits.flavour);
  const json = errorJson(refusal, traits.flavour);
  if (exchange.begun) exchange.end(`data: ${json}\n\n`);
  else exchange.send(refusal.status, jsonHeadersOf(traits.flavour), json);
}

function toRefusal(exchange: Exchange, error: unknown, flavour: OpenAiFlavour): OpenAiRefusal {
  if (error instanceof OpenAiRefusal) return error;
  if (!(error instanceof CoreRefusal)) throw error;
  if (error.code === 'busy') return new OpenAiRefusal(503, 'The server is overloaded.');
  const name = exchange.record.model;
  if (flavour === 'vllm') return new OpenAiRefusal(404, `The model \`${name}\` does not exist.`, 'model');
  return new OpenAiRefusal(flavour === 'llama-server' ? 400 : 404, `model '${name}' not found`);
}

const VLLM_TYPES: Readonly<Record<number, string>> = {
  400: 'BadRequestError',
  404: 'NotFoundError',
  429: 'RateLimitError',
  500: 'InternalServerError',
  503: 'ServiceUnavailableError',
};

const LLAMA_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  404: 'not_found_error',
  500: 'server_error',
  501: 'not_supported_error',
  503: 'unavailable_error',
};

export function errorJson(refusal: OpenAiRefusal, flavour: OpenAiFlavour): string {
  const { status, message, param } = refusal;
  switch (flavour) {
    case 'vllm':
      return JSON.stringify({
        error: { message, type: VLLM_TYPES[status] ?? 'InternalServerError', param, code: status },
      });
    case 'llama-server':
      return JSON.stringify({ error: { code: status, message, type: LLAMA_TYPES[status] ?? 'server_error' } });
    case 'lm-studio':
      return JSON.stringify({
        error: {
          message,
          type: status < 500 ? 'invalid_request_error' : 'internal_error',
          param,
          code: codeOf(status),
        },
      });
  }
}

function codeOf(status: number): string | null {
  return status === 404 ? 'model_not_found' : null;
}
