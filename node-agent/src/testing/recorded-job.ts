import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { DeclineReason, JobEnd, JobHeader } from '@waggle/shared/cluster/job.ts';
import type { JobOutput } from '@waggle/shared/lane-link/node-host.ts';

export function toHeader(more: Partial<JobHeader> = {}): JobHeader {
  return {
    jobId: 'j1',
    attempt: 1,
    requestId: 'r1',
    endpoint: 'ollama.chat',
    engineId: 'e1',
    model: 'm:latest',
    answerModel: 'm',
    stream: true,
    answer: 'native',
    priority: 'normal',
    pins: {},
    ...more,
  };
}

/** Keeps everything a job says. */
export class RecordedJob implements JobOutput {
  readonly batches: AnswerBatch[] = [];
  readonly last: (JobEnd | DeclineReason)[] = [];

  declined(reason: DeclineReason): void {
    this.last.push(reason);
  }

  batch(batch: AnswerBatch): boolean {
    this.batches.push(batch);
    return true;
  }

  ended(end: JobEnd): void {
    this.last.push(end);
  }
}
