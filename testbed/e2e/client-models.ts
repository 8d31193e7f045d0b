import type { ScriptedModel } from '../src/engines/scripted-model.ts';

export const schema = { type: 'object', properties: { answer: { type: 'number' } }, required: ['answer'] };
/** One pixel. */
export const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
export const thermometer = {
  type: 'function' as const,
  function: {
    name: 'get_temperature',
    description: 'Temperature of a city',
    parameters: { type: 'object', properties: { city: { type: 'string', description: 'Its name' } } },
  },
};

/** The same models under names of their own, so that the name says which engine answers. */
export function clientModels(prefix: string): ScriptedModel[] {
  return [
    { name: `${prefix}-words`, answer: { kind: 'words', count: 12 } },
    {
      name: `${prefix}-thinker`,
      thinking: { kind: 'text', text: 'Seven times six.' },
      answer: { kind: 'text', text: 'Forty two.' },
    },
    {
      name: `${prefix}-caller`,
      toolCall: { name: 'get_temperature', arguments: { city: 'Lisbon', days: 2 } },
      answer: { kind: 'text', text: 'It is 18 degrees.' },
    },
    { name: `${prefix}-seer`, capabilities: ['completion', 'vision'], answer: { kind: 'echo' } },
    { name: `${prefix}-embedder`, embeddingLength: 64 },
    { name: `${prefix}-endless`, answer: { kind: 'endless' }, decodeMsPerToken: 5 },
  ];
}
