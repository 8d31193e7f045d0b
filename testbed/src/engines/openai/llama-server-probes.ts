import type { Exchange } from '../exchange.ts';
import type { EngineParts } from '../scripted-engine.ts';
import { jsonHeadersOf } from './openai-refusal.ts';
import type { OpenAiTraits } from './openai-traits.ts';

/** `/health`, `/props`, `/slots`, `/metrics` of a llama-server. */
export function createLlamaServerProbes({ core }: EngineParts, traits: OpenAiTraits) {
  const headers = jsonHeadersOf('llama-server');
  const model = () => core.models[0];
  return {
    health: (exchange: Exchange) => exchange.send(200, headers, '{"status":"ok"}'),
    props: (exchange: Exchange) => {
      const only = model();
      const name = only?.name ?? '';
      const context = only === undefined ? 0 : core.residency.contextOf(only, undefined);
      const props = {
        default_generation_settings: { params: { temperature: 0.8, n_predict: -1, stream: false }, n_ctx: context },
        total_slots: only?.slots ?? 0,
        model_alias: name,
        model_ftype: only?.quantization ?? '',
        model_path: `/models/${name}`,
        modalities: { vision: only?.can.has('vision') ?? false, video: false, audio: false },
        endpoint_slots: true,
        endpoint_props: false,
        endpoint_metrics: true,
        chat_template: '{% for message in messages %}{{ message.content }}{% endfor %}',
        chat_template_caps: { supports_tools: only?.can.has('tools') ?? false },
        bos_token: '<s>',
        eos_token: '</s>',
        build_info: traits.version,
        is_sleeping: false,
      };
      exchange.send(200, headers, JSON.stringify(props));
    },
    slots: (exchange: Exchange) => {
      const only = model();
      const running = only === undefined ? 0 : core.running(only.name);
      const context = only === undefined ? 0 : core.residency.contextOf(only, undefined);
      const slots = Array.from({ length: only?.slots ?? 0 }, (_, id) => ({
        id,
        n_ctx: context,
        speculative: false,
        is_processing: id < running,
      }));
      exchange.send(200, headers, JSON.stringify(slots));
    },
    metrics: (exchange: Exchange) => {
      const only = model();
      const { totals } = core;
      const lines = [
        ...metric('prompt_tokens_total', 'counter', totals.promptTokens - totals.cachedTokens),
        ...metric('prompt_tokens_cached_total', 'counter', totals.cachedTokens),
        ...metric('tokens_predicted_total', 'counter', totals.answerTokens),
        ...metric('requests_processing', 'gauge', only === undefined ? 0 : core.running(only.name)),
        ...metric('requests_deferred', 'gauge', only === undefined ? 0 : core.waiting(only.name)),
      ];
      exchange.send(200, { ...headers, 'content-type': 'text/plain; version=0.0.4' }, `${lines.join('\n')}\n`);
    },
  };
}

function metric(name: string, type: string, value: number): readonly string[] {
  return [`# HELP llamacpp:${name} As its name says.`, `# TYPE llamacpp:${name} ${type}`, `llamacpp:${name} ${value}`];
}
