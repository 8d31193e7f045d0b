import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import { JsonMembers } from '@waggle/shared/dialects/json-members.ts';
import { isFilled } from '@waggle/shared/dialects/json-value.ts';
import { unsupported } from '@waggle/shared/dialects/unsupported.ts';
import type { ServerKind } from './server-kind.ts';

const members = ['suffix'];

/**
 * Refuses what a server would overlook without a word: llama-server answers a completion with a suffix as if there were none. Throws
 * `unsupported`.
 */
export function refuseOverlooked({ endpoint }: JobHeader, body: Uint8Array, kind: ServerKind | undefined): void {
  if (kind !== 'llama-server' || (endpoint !== 'openai.completions' && endpoint !== 'ollama.generate')) return;
  if (!isFilled(new JsonMembers(body, members).value('suffix'))) return;
  throw unsupported('suffix', 'llama-server fills no gap before a suffix');
}
