import type { JobEnd } from '@waggle/shared/cluster/job.ts';

/** What became of the jobs of an engine since the start. */
export interface JobCounts {
  readonly ended: Readonly<Record<JobEnd['outcome'], number>>;
  readonly declined: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export class JobCounter implements JobCounts {
  readonly ended: Record<JobEnd['outcome'], number> = { done: 0, failed: 0, cancelled: 0 };
  declined = 0;
  promptTokens = 0;
  completionTokens = 0;

  countEnd({ outcome, usage }: JobEnd): void {
    this.ended[outcome]++;
    if (usage === undefined) return;
    this.promptTokens += usage.promptTokens;
    this.completionTokens += usage.completionTokens;
  }

  countDecline(): void {
    this.declined++;
  }
}
