import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import { JsonMembers } from '@waggle/shared/dialects/json/json-members.ts';
import { isFilled, toNumber, toObject, toText } from '@waggle/shared/dialects/json/json-value.ts';
import { unsupported } from '@waggle/shared/dialects/requests/unsupported.ts';
import type { ServerKind } from './server-kind.ts';

const members = ['suffix', 'echo', 'best_of', 'n', 'response_format', 'json_schema'];

/**
 * Refuses what a server would overlook without a word: llama-server answers a completion with a suffix as if there were none, repeats no
 * prompt, gives the first answer for the best and knows no `response_format` there. Throws `unsupported`.
 */
export function refuseOverlooked({ endpoint }: JobHeader, body: Uint8Array, kind: ServerKind | undefined): void {
  if (kind !== 'llama-server' || (endpoint !== 'openai.completions' && endpoint !== 'ollama.generate')) return;
  const found = new JsonMembers(body, members);
  if (isFilled(found.value('suffix'))) throw unsupported('suffix', 'llama-server fills no gap before a suffix');
  if (endpoint !== 'openai.completions') return;
  if (found.value('echo') === true) throw unsupported('echo', 'llama-server cannot repeat the prompt');
  const bestOf = found.value('best_of');
  if (typeof bestOf === 'number' && bestOf > (toNumber(found.value('n')) ?? 1)) {
    throw unsupported('best_of', 'llama-server gives every answer it makes; best_of must not be more than n');
  }
  const format = toText(toObject(found.value('response_format'))?.['type']) ?? 'text';
  if (format !== 'text' && found.value('json_schema') === undefined) {
    throw unsupported('response_format', 'llama-server knows no response_format for completions; json_schema it does');
  }
}
