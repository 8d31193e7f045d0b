import type { JsonObject } from '../json/json-value.ts';

/** A tool as its client knows it. */
export interface OwnTool {
  readonly kind: 'function' | 'custom';
  readonly name: string;
  readonly namespace?: string;
}

/** The tools of a request, by the names the model is given. */
export type OwnTools = ReadonlyMap<string, OwnTool>;

/** Chats know no namespaces: the name of one stands in front of the tool's. */
export function toChatName(name: string, namespace: string | undefined): string {
  if (namespace === undefined || namespace === '') return name;
  return `${namespace}${namespace.endsWith('__') ? '' : '__'}${name}`;
}

/** What a custom tool takes is a text; a chat's tool takes an object, so the text is its one member. */
export const customParameters: JsonObject = {
  type: 'object',
  properties: { input: { type: 'string' } },
  required: ['input'],
};

export function toCustomArguments(input: string): string {
  return JSON.stringify({ input });
}
