import type { Exchange } from '../exchange.ts';
import { jsonHeadersOf } from './openai-refusal.ts';
import type { OpenAiFlavour } from './openai-traits.ts';

/** What each server answers where it has nothing: FastAPI's detail, llama-server's error, LM Studio's 200. */
export function sendMissing(
  exchange: Exchange,
  path: string,
  flavour: OpenAiFlavour,
  routes: ReadonlyMap<string, unknown>,
): void {
  const headers = jsonHeadersOf(flavour);
  switch (flavour) {
    case 'vllm': {
      const known = ['GET', 'POST'].some((method) => routes.has(`${method} ${path}`));
      const detail = known ? 'Method Not Allowed' : 'Not Found';
      exchange.send(known ? 405 : 404, headers, JSON.stringify({ detail }));
      return;
    }
    case 'llama-server':
      exchange.send(404, headers, '{"error":{"message":"File Not Found","type":"not_found_error","code":404}}');
      return;
    case 'lm-studio':
      exchange.send(
        200,
        headers,
        JSON.stringify({ error: `Unexpected endpoint or method. (${exchange.method} ${path})` }),
      );
  }
}
