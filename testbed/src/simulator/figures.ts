import type { Priority } from '@waggle/shared/cluster/job.ts';
import type { SimEngine } from './sim-engine.ts';
import type { JobResult } from './simulate.ts';

/** What a simulation showed; times in milliseconds. */
export interface Figures {
  readonly jobs: number;
  readonly done: number;
  readonly failed: number;
  /** Neither done nor failed: there must be none. */
  readonly lost: number;
  readonly firstToken: { readonly p50: number; readonly p95: number };
  /** NaN: the band had no job. */
  readonly firstTokenP95Of: Readonly<Record<Priority, number>>;
  readonly total: { readonly p50: number; readonly p95: number; readonly mean: number };
  /** Busy time of the busiest node over the mean of all. */
  readonly maxOverMeanLoad: number;
  readonly loads: number;
  /** Most jobs that ever waited inside an engine, where nobody can reorder or cancel them. */
  readonly mostWaitingInEngine: number;
  readonly spanMs: number;
}

export function toFigures(results: readonly JobResult[], engines: readonly SimEngine[], spanMs: number): Figures {
  for (const engine of engines) engine.advance();
  const done = results.filter((result) => result.outcome === 'done');
  const firstTokens = toFirstTokens(done);
  const ofBand = (priority: Priority) =>
    quantile(toFirstTokens(done.filter((result) => result.job.priority === priority)), 0.95);
  const totals = done.map((result) => (result.endedAt ?? 0) - result.submittedAt).toSorted(ascending);
  const busy = engines.map((engine) => engine.busyMs);
  const meanBusy = mean(busy);
  return {
    jobs: results.length,
    done: done.length,
    failed: results.filter((result) => result.outcome === 'failed').length,
    lost: results.filter((result) => result.outcome === undefined).length,
    firstToken: { p50: quantile(firstTokens, 0.5), p95: quantile(firstTokens, 0.95) },
    firstTokenP95Of: { high: ofBand('high'), normal: ofBand('normal'), low: ofBand('low') },
    total: { p50: quantile(totals, 0.5), p95: quantile(totals, 0.95), mean: mean(totals) },
    maxOverMeanLoad: meanBusy > 0 ? Math.max(...busy) / meanBusy : 1,
    loads: engines.reduce((sum, engine) => sum + engine.loadsDone, 0),
    mostWaitingInEngine: Math.max(...engines.map((engine) => engine.mostWaiting)),
    spanMs,
  };
}

function toFirstTokens(results: readonly JobResult[]): number[] {
  return results.map((result) => (result.firstTokenAt ?? 0) - result.submittedAt).toSorted(ascending);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function ascending(a: number, b: number): number {
  return a - b;
}
