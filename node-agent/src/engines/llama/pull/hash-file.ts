import type { FileChecks } from '../models/file-checks.ts';
import type { PullReport } from './shared-pull.ts';

export interface HashDeps {
  readonly checks: FileChecks;
  readonly report: PullReport;
  readonly signal: AbortSignal;
}

/** Hex SHA-256 of a file. Big ones take minutes: the lines go on, so that nobody takes the pull for dead. */
export function hashFile(path: string, total: number, { checks, report, signal }: HashDeps): Promise<string> {
  const status = 'verifying sha256 digest';
  report.line({ status });
  return checks.hash(path, signal, (completed) => report.line({ status, total, completed }));
}
