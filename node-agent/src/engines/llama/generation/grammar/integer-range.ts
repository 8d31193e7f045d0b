/**
 * A rule of a grammar for the integers from `least` to `most`, both of them included; undefined: there are none. A side without a
 * bound ends at 16 digits.
 */
export function integerRange(least: bigint | undefined, most: bigint | undefined): string | undefined {
  const from = least ?? -widest;
  const to = most ?? widest;
  if (from > to) return undefined;
  const rules: string[] = [];
  if (from < 0n) rules.push(`"-" ( ${upTo(to < 0n ? -to : 1n, -from).join(' | ')} )`);
  if (to >= 0n) rules.push(...upTo(from > 0n ? from : 0n, to));
  return rules.join(' | ');
}

const widest = 10n ** 16n - 1n;

/** Alternatives for what lies between two numbers that are not negative, by their count of digits. */
function upTo(from: bigint, to: bigint): string[] {
  const rules: string[] = [];
  for (let start = from; start <= to; ) {
    const digits = String(start).length;
    const last = 10n ** BigInt(digits) - 1n;
    const end = last < to ? last : to;
    rules.push(sameLength(String(start), String(end)));
    start = end + 1n;
  }
  return rules;
}

/** Between two numbers of the same count of digits. */
function sameLength(from: string, to: string): string {
  let shared = 0;
  while (shared < from.length && from[shared] === to[shared]) shared++;
  const prefix = shared === 0 ? '' : `"${from.slice(0, shared)}"`;
  if (shared === from.length) return prefix;
  const [first, last] = [Number(from[shared]), Number(to[shared])];
  const rest = from.length - shared - 1;
  if (rest === 0) return `${prefix} [${first}-${last}]`.trim();
  const [fromRest, toRest] = [from.slice(shared + 1), to.slice(shared + 1)];
  const rules: string[] = [];
  const low = /^0+$/.test(fromRest) ? first : first + 1;
  const high = /^9+$/.test(toRest) ? last : last - 1;
  if (low > first) rules.push(`"${first}" ( ${sameLength(fromRest, '9'.repeat(rest))} )`);
  if (low <= high) rules.push(`[${low}-${high}] [0-9]{${rest}}`);
  if (high < last) rules.push(`"${last}" ( ${sameLength('0'.repeat(rest), toRest)} )`);
  return `${prefix} ( ${rules.join(' | ')} )`.trim();
}
