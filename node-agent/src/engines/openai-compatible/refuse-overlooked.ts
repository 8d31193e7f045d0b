import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import { JsonMembers } from '@waggle/shared/dialects/json-members.ts';
import { isFilled, toNumber } from '@waggle/shared/dialects/json-value.ts';
import { unsupported } from '@waggle/shared/dialects/unsupported.ts';
import type { ServerKind } from './server-kind.ts';

const members = ['suffix', 'echo', 'best_of', 'n'];

/**
 * Refuses what a server would overlook without a word: llama-server answers a completion with a suffix as if there were none, repeats no
 * prompt and gives the first answer for the best. Throws `unsupported`.
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
}
