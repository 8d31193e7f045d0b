import type { IncomingMessage } from 'node:http';
import { type Priority, priorities } from '@waggle/shared/cluster/job.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { CacheControl } from '../../caching/cache-wish.ts';

/** What a client says in `x-waggle-*` headers and in `cache-control`. */
export interface RequestOptions {
  readonly priority: Priority;
  readonly deadlineMs: number | undefined;
  readonly traceparent: string | undefined;
  /** Clusters the request went through before, none of them this one: the gate has seen to that. */
  readonly hops: string | undefined;
  readonly cache: CacheControl;
}

const unsaid: CacheControl = { noStore: false, noCache: false, use: false };
const defaults: RequestOptions = {
  priority: 'normal',
  deadlineMs: undefined,
  traceparent: undefined,
  hops: undefined,
  cache: unsaid,
};
const longestDeadlineMs = 86_400_000;
const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;

/** Throws `bad-request` for a value that cannot be meant. */
export function readRequestOptions(headers: IncomingMessage['headers']): RequestOptions {
  const priority = headers['x-waggle-priority'];
  const deadline = headers['x-waggle-deadline-ms'];
  const hops = headers['x-waggle-hops'];
  const trace = headers['traceparent'];
  const cache = readCacheControl(headers);
  const isSilent = priority === undefined && deadline === undefined && hops === undefined && trace === undefined;
  if (isSilent && cache === unsaid) return defaults;
  return {
    priority: priority === undefined ? 'normal' : parsePriority(priority),
    deadlineMs: deadline === undefined ? undefined : parseDeadline(deadline),
    traceparent: typeof trace === 'string' && TRACEPARENT.test(trace) ? trace : undefined,
    hops: hops === undefined ? undefined : String(hops),
    cache,
  };
}

function readCacheControl(headers: IncomingMessage['headers']): CacheControl {
  const control = headers['cache-control'];
  const wish = headers['x-waggle-cache'];
  if (control === undefined && wish === undefined) return unsaid;
  if (wish !== undefined && wish !== 'use') throw wrong('x-waggle-cache', 'must be use, or left out');
  const directives = (control ?? '')
    .toLowerCase()
    .split(',')
    .map((directive) => directive.trim());
  return {
    noStore: directives.includes('no-store'),
    noCache: directives.includes('no-cache'),
    use: wish !== undefined,
  };
}

function parsePriority(value: string | string[]): Priority {
  const found = priorities.find((priority) => priority === value);
  if (found !== undefined) return found;
  throw wrong('x-waggle-priority', `must be one of ${priorities.join(', ')}`);
}

function parseDeadline(value: string | string[]): number {
  const deadlineMs = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : 0;
  if (deadlineMs >= 1 && deadlineMs <= longestDeadlineMs) return deadlineMs;
  throw wrong('x-waggle-deadline-ms', `must be a whole number of milliseconds from 1 to ${longestDeadlineMs}`);
}

function wrong(param: string, problem: string): ClusterError {
  return new ClusterError('bad-request', `${param} ${problem}`, { details: { param } });
}
