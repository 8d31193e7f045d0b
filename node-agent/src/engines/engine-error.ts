import type { DialectName, EndpointName } from '@waggle/shared/chat/endpoints.ts';
import type { JobFailure } from '@waggle/shared/cluster/job.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { CallError, type EngineReply } from './transport/ask-engine.ts';
import type { CallFailure } from './transport/engine-call.ts';

/** A connection that was lost or did not come about, as the failure of what was asked over it. */
export function toFailure({ kind, message }: CallFailure): JobFailure {
  return kind === 'unreachable'
    ? { cause: 'unreachable', code: 'engine-unreachable', message: `the engine cannot be reached: ${message}` }
    : { cause: 'engine', code: 'engine-failed', message: `the engine broke off: ${message}` };
}

/** What a call threw, as a ClusterError; anything but a lost connection stays what it is. */
export function toThrown(thrown: unknown): unknown {
  if (!(thrown instanceof CallError)) return thrown;
  const { code, message } = toFailure(thrown.failure);
  return new ClusterError(code, message, { cause: thrown });
}

/** Throws what an error status means, with the engine's words. */
export function throwIfRefused(reply: EngineReply, dialect: DialectName, endpoint: EndpointName): void {
  if (reply.status < 400) return;
  const failure = dialects[dialect].classifyError(reply.status, reply.headers, reply.body.toString('utf8'), endpoint);
  throw new ClusterError(failure.code, failure.message, {
    details: {
      engineStatus: failure.engineStatus ?? reply.status,
      engineMessage: failure.message,
      retryAfterMs: failure.retryAfterMs,
    },
  });
}
