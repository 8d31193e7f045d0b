/** Whether a parsed JSON value nests objects and lists deeper than `limit`. Goes no deeper than that itself. */
export function isValueDeeperThan(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (limit === 0) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && isValueDeeperThan(item, limit - 1)) return true;
    return false;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name in fields) {
    const field = fields[name];
    if (typeof field === 'object' && isValueDeeperThan(field, limit - 1)) return true;
  }
  return false;
}
