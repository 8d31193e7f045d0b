import { ClusterError } from '../../errors/cluster-error.ts';

/**
 * Refusals in the words of Go's JSON decoder, which clients of Ollama know. `place` is the struct and field as Go names them
 * (`ChatRequest.messages.role`), `type` the Go type that was expected.
 */
export function wrongType(value: unknown, place: string, type: string): ClusterError {
  const isOutOfRange = typeof value === 'number' && (type === 'int' || type.startsWith('float'));
  const seen = isOutOfRange ? `number ${value}` : kindOf(value);
  return new ClusterError(
    'bad-request',
    `json: cannot unmarshal ${seen} into Go struct field ${place} of type ${type}`,
    {
      details: { param: place.slice(place.indexOf('.') + 1) },
    },
  );
}

/** The body as a whole is not an object. */
export function wrongBody(value: unknown, type: string): ClusterError {
  return new ClusterError('bad-request', `json: cannot unmarshal ${kindOf(value)} into Go value of type ${type}`);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

export function checkText(value: unknown, place: string): void {
  if (typeof value !== 'string' && value !== undefined && value !== null) throw wrongType(value, place, 'string');
}

export function checkFlag(value: unknown, place: string): void {
  if (typeof value !== 'boolean' && value !== undefined && value !== null) throw wrongType(value, place, 'bool');
}

/** Go's int has 64 bits. Of the numbers near its bounds JSON.parse keeps the nearest multiple of some power of two. */
const mostInteger = 2 ** 63;

export function checkInteger(value: unknown, place: string): void {
  if (value === undefined || value === null) return;
  if (Number.isInteger(value) && Math.abs(Number(value)) <= mostInteger) return;
  throw wrongType(value, place, 'int');
}

const mostFloat = { float32: 3.4028234663852886e38, float64: Number.MAX_VALUE };

export function checkNumber(value: unknown, place: string, type: 'float32' | 'float64' = 'float64'): void {
  if (value === undefined || value === null) return;
  if (typeof value !== 'number' || Math.abs(value) > mostFloat[type]) throw wrongType(value, place, type);
}
