import { describe, expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

function taken(budget: RetryBudget, now: number, wanted: number): number {
  let count = 0;
  while (count < wanted && budget.take(now)) count++;
  return count;
}

describe('RetryBudget', () => {
  it('gives 20 retries in 10 s however few attempts there were, and 20 again after that', () => {
    const budget = new RetryBudget();
    expect(taken(budget, 100_000, 50)).toBe(20);
    expect(taken(budget, 109_999, 50)).toBe(0);
    expect(taken(budget, 110_001, 50)).toBe(20);
  });

  it('gives a tenth of the attempts of the last minute where that is more', () => {
    const budget = new RetryBudget();
    for (let count = 0; count < 1_000; count++) budget.attempted(100_000 + count * 10);
    expect(taken(budget, 110_000, 500)).toBe(100);
  });

  it('forgets the attempts and retries of more than a minute ago', () => {
    const budget = new RetryBudget();
    for (let count = 0; count < 1_000; count++) budget.attempted(100_000);
    expect(taken(budget, 100_000, 500)).toBe(100);
    for (let count = 0; count < 1_000; count++) budget.attempted(165_000);
    expect(taken(budget, 165_000, 500)).toBe(100);
    expect(taken(budget, 240_000, 500)).toBe(20);
  });

  it('does not turn back with a time that stands still', () => {
    const budget = new RetryBudget();
    for (let count = 0; count < 300; count++) budget.attempted(60_000);
    expect(taken(budget, 59_000, 500)).toBe(30);
  });
});
