import type { Capability } from '@waggle/shared/cluster/model.ts';
import type { EngineReport } from '@waggle/shared/cluster/node.ts';
import { type ChoosableJob, isHotFor, type Placement } from './placement.ts';

/** When an engine refuses a job for what its model lacks: before it would load the model for it, or only then. */
export type Refusal = 'at-once' | 'when-loaded';

/**
 * How an engine treats what needs a capability that its model lacks; undefined: it may do without. Older Ollamas overlook images
 * and let every model embed; of servers that tell nothing of their models nothing is known.
 */
export function refusalWithout(
  { kind, version }: Pick<EngineReport, 'kind' | 'version'>,
  need: Capability,
): Refusal | undefined {
  switch (kind) {
    case 'ollama':
      if (checkedFirst.has(need)) return 'at-once';
      return checkedByRunner.has(need) && hasLlamaServer(version) ? 'when-loaded' : undefined;
    case 'builtin':
      return 'when-loaded';
    case 'lm-studio':
      return need === 'completion' || need === 'embedding' || need === 'vision' ? 'when-loaded' : undefined;
    default:
      return undefined;
  }
}

/** What Ollama itself looks at, and what it leaves to the runner of the loaded model. */
const checkedFirst: ReadonlySet<Capability> = new Set(['completion', 'tools', 'insert', 'thinking']);
const checkedByRunner: ReadonlySet<Capability> = new Set(['embedding', 'vision']);

function hasLlamaServer(version: string): boolean {
  const [major, minor] = version.split('.').map(Number);
  return major !== undefined && minor !== undefined && (major > 0 || minor >= 30);
}

/** An engine names one reason where there are several: the first of these. */
const reasonOrder: readonly Capability[] = [
  'thinking',
  'completion',
  'tools',
  'insert',
  'embedding',
  'vision',
  'audio',
];

/** What the job needs, the model there is known not to have, and its engine would refuse the job for; undefined: nothing. */
export function refusedNeed(
  place: Pick<Placement, 'capabilities' | 'refusalWithout'>,
  { needs }: Pick<ChoosableJob, 'needs'>,
): Capability | undefined {
  const { capabilities } = place;
  // A model that can do only what is not known here says nothing about what is.
  if (capabilities === undefined || capabilities.length === 0) return undefined;
  let reason: Capability | undefined;
  for (const need of needs) {
    if (capabilities.includes(need) || place.refusalWithout(need) === undefined) continue;
    if (reason === undefined || reasonOrder.indexOf(need) < reasonOrder.indexOf(reason)) reason = need;
  }
  return reason;
}

export interface RefusingPlace<Place> {
  readonly place: Place;
  readonly need: Capability;
  /** Its engine can be asked to say so: nothing is loaded for that, and it knows best. */
  readonly saysSo: boolean;
}

/** A place whose engine would refuse the job, one that says so itself if there is any. */
export function findRefusing<Place extends Placement>(
  places: readonly Place[],
  job: ChoosableJob,
  now: number,
): RefusingPlace<Place> | undefined {
  let found: RefusingPlace<Place> | undefined;
  for (const place of places) {
    if ((job.onlyNode !== undefined && place.node !== job.onlyNode) || !place.isAmongNodes) continue;
    const need = refusedNeed(place, job);
    if (need === undefined) continue;
    const saysSo = canSay(place, job, need, now);
    if (found === undefined || saysSo) found = { place, need, saysSo };
    if (saysSo) break;
  }
  return found;
}

function canSay(place: Placement, job: ChoosableJob, need: Capability, now: number): boolean {
  if (place.nodeState !== 'active' || !place.engineUp || place.idleLanes === 0) return false;
  if (now < place.restUntil || now < (job.tried.get(place) ?? 0)) return false;
  return place.refusalWithout(need) === 'at-once' || isHotFor(place, job);
}
