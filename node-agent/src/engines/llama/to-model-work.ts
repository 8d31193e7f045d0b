import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { GenerationRequest } from '@waggle/shared/chat/generation-request.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { parseBody } from '../prepare-job.ts';
import type { ModelWork } from './process/protocol.ts';

/** Ollama's temperature and top_p, and those that its `/v1` sets where nothing is said. */
const ollamaDefaults = { temperature: 0.8, topP: 0.9 } as const;
const openaiDefaults = { temperature: 1, topP: 1 } as const;

/**
 * A job as a model's process is given it. What the dialects leave to the engine is decided as for Ollama: its own clients get a prompt that is
 * too long shortened, unless they say otherwise; OpenAI's get an error, and an answer that ends where the context does.
 *
 * @throws ClusterError for what cannot be understood
 */
export function toModelWork(job: JobHeader, body: Uint8Array): ModelWork {
  const { dialect } = endpoints[job.endpoint];
  const fields = parseBody(body);
  const request = withJob(dialects[dialect].decodeRequest(job.endpoint, fields), job);
  const isOllamas = dialect === 'ollama';
  return {
    request,
    stream: job.stream,
    truncates: isOllamas && fields['truncate'] !== false,
    shifts: isOllamas && fields['shift'] !== false,
    normalises: job.endpoint !== 'ollama.embeddings',
    defaults: isOllamas ? ollamaDefaults : openaiDefaults,
  };
}

function withJob(request: GenerationRequest, { model, stream, endpoint }: JobHeader): GenerationRequest {
  if (request.kind === 'embedding') return { ...request, model };
  const { maxTokens, ...sampling } = request.sampling;
  // For Ollama no tokens are no bound.
  const isBound = maxTokens !== undefined && (maxTokens > 0 || endpoints[endpoint].dialect === 'openai');
  return { ...request, model, stream, sampling: isBound ? { ...sampling, maxTokens } : sampling };
}
