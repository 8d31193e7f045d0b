import { type Outcome, tally, troubles } from '../src/cluster/client-load.ts';
import { count, type Figure } from './figures.ts';

/** What clients saw, against what was promised: at most so many errors inside answers that had begun, and nothing else. */
export function judgeOutcomes(outcomes: readonly Outcome[], mostErrorEvents: number): Figure[] {
  const { complete = 0, 'error-event': errorEvents = 0, refused = 0, lost = 0, cut = 0, corrupt = 0 } = tally(outcomes);
  for (const trouble of troubles(outcomes.filter(({ kind }) => kind !== 'error-event')).slice(0, 10)) {
    console.log(`  ! ${trouble}`);
  }
  return [
    count('requests', outcomes.length),
    count('complete answers', complete),
    count('one error after the first event', errorEvents, { atMost: mostErrorEvents }),
    count('failed before the first event', refused + lost, { atMost: 0 }),
    count('cut without a word', cut, { atMost: 0 }),
    count('words lost, doubled or moved', corrupt, { atMost: 0 }),
  ];
}
