/** A figure of an engine's or a machine's as the wire takes it: whole and not negative. The encoders throw on others. */
export function toCount(value: number): number {
  return value > 0 ? Math.min(Math.trunc(value), Number.MAX_SAFE_INTEGER) : 0;
}

export function toOptionalCount(value: number | undefined): number | undefined {
  return value === undefined ? undefined : toCount(value);
}
