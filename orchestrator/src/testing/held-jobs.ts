import type { FakeCluster } from './fake-cluster.ts';
import { RecordingJob } from './recording-job.ts';

let count = 0;

/** Holds a job that comes now. */
export function hold(cluster: FakeCluster, facts: ConstructorParameters<typeof RecordingJob>[1] = {}): RecordingJob {
  const job = new RecordingJob(`job-${++count}`, { heldSince: cluster.clock.now(), ...facts });
  cluster.scheduler.hold(job);
  return job;
}

/** Its lane is free again. */
export function release(cluster: FakeCluster, job: RecordingJob): void {
  cluster.scheduler.release(job.place);
}
