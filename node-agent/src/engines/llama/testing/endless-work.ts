import type { ModelWork } from '../process/protocol.ts';

/** An answer without an end, of the model `talker`. */
export const endlessWork: ModelWork = {
  request: { kind: 'generate', model: 'm', stream: true, raw: true, prompt: '<|on|>', sampling: { maxTokens: 1e9 } },
  stream: true,
  truncates: true,
  shifts: true,
  normalises: true,
  defaults: { temperature: 0, topP: 1 },
};

/** What loads the model of a file for it. */
export function toOrder(path: string) {
  return { path, numCtx: 512, slots: 1, threads: 1, embeds: false };
}
