import type { Exchange } from '../exchange.ts';
import type { EngineParts } from '../scripted-engine.ts';
import { jsonHeadersOf } from './openai-refusal.ts';
import type { OpenAiTraits } from './openai-traits.ts';

/** `/health`, `/version`, `/metrics`, `/load` of a vLLM server. */
export function createVllmProbes({ core, log }: EngineParts, traits: OpenAiTraits) {
  const json = jsonHeadersOf('vllm');
  return {
    health: (exchange: Exchange) => exchange.send(200, { server: 'uvicorn' }, ''),
    version: (exchange: Exchange) => exchange.send(200, json, JSON.stringify({ version: traits.version })),
    load: (exchange: Exchange) => exchange.send(200, json, JSON.stringify({ server_load: log.counters.active })),
    metrics: (exchange: Exchange) => {
      exchange.send(
        200,
        { server: 'uvicorn', 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
        toMetrics(),
      );
    },
  };

  function toMetrics(): string {
    const lines: string[] = [];
    const { totals } = core;
    for (const { name } of core.models) {
      const label = `{engine="0",model_name="${name}"}`;
      const running = core.running(name);
      lines.push(
        ...metric('num_requests_running', 'gauge', 'Number of requests in model execution batches.', label, running),
        ...metric(
          'num_requests_waiting',
          'gauge',
          'Number of requests waiting to be processed.',
          label,
          core.waiting(name),
        ),
        ...metric(
          'kv_cache_usage_perc',
          'gauge',
          'KV-cache usage. 1 means 100 percent usage.',
          label,
          Math.min(1, running / 100),
        ),
        ...metric(
          'prefix_cache_queries_total',
          'counter',
          'Prefix cache queries, in queried tokens.',
          label,
          totals.promptTokens,
        ),
        ...metric(
          'prefix_cache_hits_total',
          'counter',
          'Prefix cache hits, in cached tokens.',
          label,
          totals.cachedTokens,
        ),
        ...metric('prompt_tokens_total', 'counter', 'Number of prefill tokens processed.', label, totals.promptTokens),
        ...metric(
          'generation_tokens_total',
          'counter',
          'Number of generation tokens processed.',
          label,
          totals.answerTokens,
        ),
      );
      lines.push(
        '# HELP vllm:request_success_total Count of successfully processed requests.',
        '# TYPE vllm:request_success_total counter',
        `vllm:request_success_total{engine="0",finished_reason="stop",model_name="${name}"} ${log.counters.done}`,
      );
    }
    return `${lines.join('\n')}\n`;
  }
}

function metric(name: string, type: string, help: string, label: string, value: number): readonly string[] {
  return [`# HELP vllm:${name} ${help}`, `# TYPE vllm:${name} ${type}`, `vllm:${name}${label} ${value}`];
}
