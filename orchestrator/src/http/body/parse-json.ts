import { isUtf8 } from 'node:buffer';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { isTextDeeperThan, isValueDeeperThan } from './json-depth.ts';
import { toJsonError } from './json-error.ts';

/**
 * From this size on depth is judged before parsing: ten megabytes of brackets keep the parser busy for seconds. Below it they
 * take milliseconds at most, and looking at the parsed value costs far less than reading its text twice.
 */
const scannedFromBytes = 131_072;

/** The JSON value of a request body, whatever content type it claims. Throws `bad-request`. */
export function parseJson(body: Buffer, maxDepth: number): unknown {
  if (body.length === 0) throw new ClusterError('bad-request', 'missing request body');
  if (!isUtf8(body)) throw new ClusterError('bad-request', 'the request body is not valid UTF-8');
  const isLarge = body.length >= scannedFromBytes;
  if (isLarge && isTextDeeperThan(body, maxDepth)) throw tooDeep(maxDepth);
  const value = parseText(body.toString('utf8'));
  if (!isLarge && isValueDeeperThan(value, maxDepth)) throw tooDeep(maxDepth);
  return value;
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw toJsonError(text, error);
  }
}

function tooDeep(maxDepth: number): ClusterError {
  return new ClusterError('bad-request', `the request body nests deeper than ${maxDepth} levels (limits.jsonDepth)`);
}
