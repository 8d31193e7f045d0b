import { isUtf8 } from 'node:buffer';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { isDeeperThan } from './json-depth.ts';
import { toJsonError } from './json-error.ts';

/**
 * Below this size no nesting can hurt: the parser takes microseconds for it, and what stringifies or walks it later has
 * stack enough.
 */
const depthCheckedFrom = 2_048;

/** The JSON value of a request body, whatever content type it claims. Throws `bad-request`. */
export function parseJson(body: Buffer, maxDepth: number): unknown {
  if (body.length === 0) throw new ClusterError('bad-request', 'missing request body');
  if (!isUtf8(body)) throw new ClusterError('bad-request', 'the request body is not valid UTF-8');
  if (body.length >= depthCheckedFrom && isDeeperThan(body, maxDepth)) {
    throw new ClusterError('bad-request', `the request body nests deeper than ${maxDepth} levels (limits.jsonDepth)`);
  }
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw toJsonError(text, error);
  }
}
