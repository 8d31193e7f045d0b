import type { WireCall } from './wire-call.ts';

export const hello = [{ role: 'user', content: 'Hello there' }];
export const question = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Six times seven, minus two?' },
];
export const steady = { temperature: 0, seed: 1 };
export const thermometer = {
  type: 'function',
  function: {
    name: 'get_temperature',
    description: 'Temperature of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
export const called = {
  role: 'assistant',
  content: '',
  tool_calls: [{ id: 'call_1', function: { index: 0, name: 'get_temperature', arguments: { city: 'Lisbon' } } }],
};
export const openaiCalled = {
  role: 'assistant',
  content: '',
  tool_calls: [
    { id: 'call_1', type: 'function', function: { name: 'get_temperature', arguments: '{"city":"Lisbon"}' } },
  ],
};
export const schema = {
  type: 'object',
  properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
  required: ['city', 'degrees'],
};
/** One pixel. */
export const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
export const longText = 'A sentence that is there to fill the context of the model. '.repeat(160);

export function get(name: string, path: string): WireCall {
  return { name, method: 'GET', path };
}

export function of(path: string) {
  return (name: string, body: unknown): WireCall => ({ name, method: 'POST', path, body });
}

/**
 * Begins anew: which models an engine still holds depends on the order of their loads, and Ollama loads some models only for their
 * runner to refuse the request, which Waggle does without.
 */
export function fresh(call: WireCall): WireCall {
  return { ...call, fresh: true };
}

export function raw(name: string, path: string, rawBody: string): WireCall {
  return { name, method: 'POST', path, rawBody };
}
