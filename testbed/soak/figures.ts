/** One line of the table a soak prints. */
export interface Figure {
  readonly what: string;
  readonly value: string;
  /** Absent: told, not judged. */
  readonly goal?: string;
  readonly isMet?: boolean;
}

export function count(
  what: string,
  value: number,
  goal?: { readonly atMost?: number; readonly atLeast?: number },
): Figure {
  return judged(what, value, value.toLocaleString('en'), '', goal);
}

export function milliseconds(what: string, value: number, goal?: { readonly atMost?: number }): Figure {
  return judged(what, value, `${value.toFixed(value < 10 ? 1 : 0)} ms`, ' ms', goal);
}

export function told(what: string, value: string): Figure {
  return { what, value };
}

function judged(
  what: string,
  value: number,
  text: string,
  unit: string,
  goal: { readonly atMost?: number; readonly atLeast?: number } | undefined,
): Figure {
  if (goal === undefined) return { what, value: text };
  const { atMost, atLeast } = goal;
  const words = atMost === undefined ? `>= ${atLeast}${unit}` : `<= ${atMost}${unit}`;
  const isMet = (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
  return { what, value: text, goal: words, isMet };
}

/** The value below which the share `at` of all lies, 1: the largest; NaN of none. However many there are. */
export function percentile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;
}

export function printFigures(title: string, figures: readonly Figure[], seconds: number): void {
  const width = Math.max(...figures.map(({ what }) => what.length), 20);
  console.log(`\n${title}   (${seconds.toFixed(0)} s)`);
  for (const { what, value, goal, isMet } of figures) {
    const verdict = isMet === undefined ? '' : isMet ? 'ok' : 'NOT MET';
    console.log(`  ${what.padEnd(width)}  ${value.padStart(14)}  ${(goal ?? '').padEnd(14)} ${verdict}`.trimEnd());
  }
}
