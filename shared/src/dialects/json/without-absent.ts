/** What is left of `T` when its undefined values are gone. */
export type WithoutAbsent<T> = { [K in keyof T]?: Exclude<T[K], undefined> } & {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
};

/** The object without the keys whose value is undefined: what the caller did not say is not sent on. */
export function withoutAbsent<T extends Readonly<Record<string, unknown>>>(fields: T): WithoutAbsent<T> {
  const said: Record<string, unknown> = {};
  for (const key in fields) {
    if (fields[key] !== undefined) said[key] = fields[key];
  }
  return said as WithoutAbsent<T>;
}
