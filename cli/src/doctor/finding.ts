/** What `waggle doctor` found out about one thing. `bad`: Waggle does not work because of it. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'bad';
  readonly found: string;
  /** What to do; absent where all is well. */
  readonly mend?: string;
}
