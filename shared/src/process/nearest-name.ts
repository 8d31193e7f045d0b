/**
 * The candidate a mistyped word most likely meant, or undefined when none is close. Case, `-` and `_` do not count.
 */
export function nearestName(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = normalise(word);
  if (wanted.length > 100) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, normalise(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function normalise(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '');
}

// Optimal string alignment: insert, delete, replace or swap two neighbours, one step each.
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      const step = (cells: number[], index: number) => cells[index] ?? Number.POSITIVE_INFINITY;
      let distance = Math.min(
        step(last, column) + 1,
        step(current, column - 1) + 1,
        step(last, column - 1) + (same ? 0 : 1),
      );
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (row > 1 && column > 1 && swapped) distance = Math.min(distance, step(beforeLast, column - 2) + 1);
      current.push(distance);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? Number.POSITIVE_INFINITY;
}
