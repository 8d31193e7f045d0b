import { UsageError } from '@waggle/shared/errors/usage-error.ts';

export interface ConfigProblem {
  /** Dotted name of the key (`nodes[1].port`), or empty when the problem is with no single key. */
  readonly key: string;
  /** Where the value came from: `config.yaml:12`, `--port`, `WAGGLE_SERVER_PORT` or `default`. */
  readonly source: string;
  /** What stands there and why it is refused, worded to follow `source: `; the full stop is added. */
  readonly problem: string;
  /** What would be accepted. */
  readonly expected: string;
}

/**
 * A configuration that cannot be used.
 * When several things are wrong the first is thrown and the others are in `also`.
 */
export class ConfigError extends UsageError {
  override readonly name = 'ConfigError';
  readonly key: string;
  readonly source: string;
  readonly expected: string;
  readonly also: readonly ConfigError[];

  constructor(
    problem: ConfigProblem,
    options: { readonly also?: readonly ConfigError[]; readonly cause?: unknown } = {},
  ) {
    // What nobody set has no place that could be named.
    super(problem.source === 'default' ? problem.problem : `${problem.source}: ${problem.problem}`, {
      cause: options.cause,
    });
    this.key = problem.key;
    this.source = problem.source;
    this.expected = problem.expected;
    this.also = options.also ?? [];
  }
}

/** Throws when there is at least one problem; the first one leads. */
export function throwProblems(problems: readonly ConfigProblem[]): void {
  const [first, ...rest] = problems;
  if (first !== undefined) throw new ConfigError(first, { also: rest.map((problem) => new ConfigError(problem)) });
}
