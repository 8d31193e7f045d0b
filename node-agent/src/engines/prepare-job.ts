import type { DialectName } from '@waggle/shared/chat/endpoints.ts';
import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { EncodedRequest } from '@waggle/shared/dialects/dialect.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';

/** The client's body as JSON. It was parsed once at the edge, so what fails here was damaged on the way. */
export function parseBody(body: Uint8Array): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(decoder.decode(body));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (cause) {
    throw new ClusterError('bad-request', 'the body is not JSON', { cause });
  }
  throw new ClusterError('bad-request', 'the body is no JSON object');
}

export function toParts(body: Readonly<Record<string, unknown>>): readonly Uint8Array[] {
  return [Buffer.from(JSON.stringify(body))];
}

/** The job's request in the words of the other family. */
export function translate(job: JobHeader, body: Uint8Array, target: DialectName): EncodedRequest {
  const source = dialects[endpoints[job.endpoint].dialect];
  const request = source.decodeRequest(job.endpoint, parseBody(body));
  const named =
    request.kind === 'embedding'
      ? { ...request, model: job.model }
      : { ...request, model: job.model, stream: job.stream };
  return dialects[target].encodeRequest(named, { source: job.endpoint });
}

/** The client and the engine speak one language, and the client takes the engine's bytes. */
export function isNative(job: JobHeader, dialect: DialectName): boolean {
  return job.answer === 'native' && endpoints[job.endpoint].dialect === dialect;
}

const decoder = new TextDecoder('utf-8', { fatal: true });
