import type { ThinkLevel } from '../../chat/generation-request.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { parseGoDuration } from '../../streams/go-duration.ts';

const levels = '"high", "medium", "low", "max", true, or false';

/** `think` of a request. Throws `bad-request` with Ollama's texts. */
export function readThink(value: unknown): ThinkLevel | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  if (value === 'high' || value === 'medium' || value === 'low' || value === 'max') return value;
  throw new ClusterError(
    'bad-request',
    typeof value === 'string'
      ? `invalid think value: ${JSON.stringify(value)} (must be ${levels})`
      : `think must be a boolean or string (${levels})`,
    { details: { param: 'think' } },
  );
}

/** `keep_alive` in seconds; negative: for ever. Throws `bad-request` with the texts of Ollama and Go. */
export function readKeepAlive(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return value;
  if (typeof value === 'string') {
    const parsed = parseGoDuration(value);
    if (parsed.ok) return parsed.seconds;
    throw new ClusterError('bad-request', parsed.problem, { details: { param: 'keep_alive' } });
  }
  const type = Array.isArray(value)
    ? '[]interface {}'
    : typeof value === 'boolean'
      ? 'bool'
      : 'map[string]interface {}';
  throw new ClusterError('bad-request', `Unsupported type: '${type}'`, { details: { param: 'keep_alive' } });
}

/** Throws `bad-request` with Ollama's text for a `format` that is neither empty, `"json"` nor a schema. */
export function checkFormat(value: unknown): void {
  if (value === undefined || value === null || value === '' || value === 'json') return;
  if (typeof value === 'object' && !Array.isArray(value)) return;
  throw new ClusterError(
    'bad-request',
    `invalid format: ${JSON.stringify(JSON.stringify(value))}; expected "json" or a valid JSON Schema object`,
    { details: { param: 'format' } },
  );
}

export function checkTopLogprobs(value: unknown): void {
  if (typeof value !== 'number' || (value >= 0 && value <= 20)) return;
  throw new ClusterError('bad-request', 'top_logprobs must be between 0 and 20', {
    details: { param: 'top_logprobs' },
  });
}
