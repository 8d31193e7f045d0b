import { askProbe } from '../ask-json.ts';
import type { EngineHttp } from '../transport/engine-http.ts';
import { sumOfGauge } from './metrics.ts';
import type { ServerPaths } from './paths.ts';
import type { ServerKind } from './server-kind.ts';

/** Requests the server works on or has queued, whoever sent them; undefined where it does not tell. */
export async function countRunning(
  http: EngineHttp,
  paths: ServerPaths,
  kind: ServerKind,
  signal: AbortSignal,
): Promise<number | undefined> {
  switch (kind) {
    case 'llama-server': {
      const { status, body } = await askProbe(http, `${paths.root}/slots`, signal);
      if (status === 200) return countBusySlots(body.toString('utf8'));
      return sumFromMetrics(http, paths, ['llamacpp:requests_processing', 'llamacpp:requests_deferred'], signal);
    }
    case 'vllm':
      return sumFromMetrics(http, paths, ['vllm:num_requests_running', 'vllm:num_requests_waiting'], signal);
    case 'lm-studio':
    case 'llama-swap':
    case 'openai-compatible':
      return undefined;
  }
}

async function sumFromMetrics(
  http: EngineHttp,
  paths: ServerPaths,
  names: readonly string[],
  signal: AbortSignal,
): Promise<number | undefined> {
  const { status, body } = await askProbe(http, `${paths.root}/metrics`, signal);
  if (status !== 200) return undefined;
  const text = body.toString('utf8');
  const values = names.map((name) => sumOfGauge(text, name)).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

function countBusySlots(json: string): number | undefined {
  try {
    const slots: unknown = JSON.parse(json);
    return Array.isArray(slots) ? slots.filter((slot) => slot?.is_processing === true).length : undefined;
  } catch {
    return undefined;
  }
}
