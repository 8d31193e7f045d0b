import { describe, expect, it } from 'vitest';
import { type CandidateCost, type Decision, keptCandidates, toKept } from './decision.ts';

const noTerms = { rtt: 0, load: 0, wait: 0, prefill: 0, decode: 0, risk: 0 };

function toDecision(totals: readonly (number | 'left' | 'suspect')[], chosen: number): Decision {
  const candidates = totals.map((total, index): CandidateCost => {
    const place = { node: `n${index}`, engineId: 'e', model: 'm', prior: false };
    return typeof total === 'number'
      ? { ...place, bindable: true, excluded: undefined, terms: { ...noTerms, total } }
      : { ...place, bindable: false, excluded: total, terms: undefined };
  });
  return { reason: 'bound', chosen, candidates, heldMs: 3 };
}

describe('toKept', () => {
  it('leaves a decision of usual size as it is', () => {
    const decision = toDecision(
      Array.from({ length: keptCandidates }, (_, index) => index),
      5,
    );
    expect(toKept(decision)).toBe(decision);
  });

  it('keeps the chosen one first and the cheapest others, in order of cost, and counts the rest', () => {
    const totals = Array.from({ length: 100 }, (_, index) => (index * 37) % 100);
    const kept = toKept(toDecision([...totals, 'left', 'suspect', 'left'], 50));
    expect(kept).toMatchObject({ reason: 'bound', chosen: 0, heldMs: 3, candidatesTotal: 103 });
    expect(kept.excludedTotals).toEqual({ left: 2, suspect: 1 });
    expect(kept.candidates).toHaveLength(keptCandidates);
    expect(kept.candidates[0]?.node).toBe('n50');
    const others = kept.candidates.slice(1).map(({ terms }) => terms?.total);
    const cheapest = totals.filter((_, index) => index !== 50).toSorted((a, b) => a - b);
    expect(others).toEqual(cheapest.slice(0, keptCandidates - 1));
  });

  it('of one without a choice keeps the counts', () => {
    const kept = toKept(toDecision(new Array(40).fill('left'), -1));
    expect(kept).toMatchObject({ chosen: -1, candidates: [], candidatesTotal: 40, excludedTotals: { left: 40 } });
  });
});
