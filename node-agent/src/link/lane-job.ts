import { type AnswerBatch, batchKind, type TypedBatch, toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { DeclineReason, JobEnd, JobHeader } from '@waggle/shared/cluster/job.ts';
import type { UnansweredJob } from '@waggle/shared/lane-link/accept-ticker.ts';
import type { JobOutput, NodeHost, RunningJob } from '@waggle/shared/lane-link/node-host.ts';
import { encodeEvents } from '@waggle/shared/wire/convert-events.ts';
import { encodeDeclined, encodeUp, type UpPayload } from '@waggle/shared/wire/encode-lane-frames.ts';
import { maxAnswerPartBytes } from '@waggle/shared/wire/lane-frames.ts';

/** Where a job's frames go. */
export interface JobLane {
  /** False: no more until the job is told to resume. */
  write(frame: Buffer): boolean;
  /** The job's last frame was written: the lane is idle. */
  jobOver(): void;
}

/**
 * A job on the node's end of a lane: turns what the host says into as few frames as possible. The last batch of an answer
 * waits for `ended` until the end of the event loop's turn, so that a small whole answer is one frame.
 */
export class LaneJob implements JobOutput, UnansweredJob {
  readonly #lane: JobLane;
  readonly #sequence: number;
  #running: RunningJob | undefined;
  #hasAccepted = false;
  #isOver = false;
  #isHeldBack = false;
  #isCancelled = false;
  #last: UpPayload | undefined;

  constructor(lane: JobLane, sequence: number) {
    this.#lane = lane;
    this.#sequence = sequence;
  }

  start(host: NodeHost, header: JobHeader, body: Uint8Array): void {
    this.#running = host.run(header, body, this);
    if (this.#isCancelled && !this.#isOver) this.#running.cancel();
  }

  cancel(): void {
    if (this.#isCancelled || this.#isOver) return;
    this.#isCancelled = true;
    this.#running?.cancel();
  }

  /** What was written has left. */
  resume(): void {
    if (!this.#isHeldBack || this.#isOver) return;
    this.#isHeldBack = false;
    this.#running?.resume();
  }

  /** Nobody is there to read: the engine is to stop, whatever it still says is dropped. */
  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#last = undefined;
    this.#running?.cancel();
  }

  acceptIfSilent(): void {
    if (this.#isOver || this.#hasAccepted) return;
    this.#write(undefined, undefined);
  }

  declined(reason: DeclineReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#lane.write(encodeDeclined(this.#sequence, reason));
    this.#lane.jobOver();
  }

  batch(batch: AnswerBatch): boolean {
    if (this.#isOver) return true;
    this.#flush();
    if (batch.form === 'native') this.#sendNative(batch.bytes, batch.kinds, batch.deltas);
    else this.#sendEvents(batch);
    return !this.#isHeldBack;
  }

  ended(end: JobEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const last = this.#last;
    this.#last = undefined;
    this.#write(last, end);
    this.#lane.jobOver();
  }

  #sendNative(bytes: Uint8Array, kinds: number, deltas: number): void {
    let rest = bytes;
    while (rest.byteLength > maxAnswerPartBytes) {
      const part = rest.subarray(0, maxAnswerPartBytes);
      rest = rest.subarray(maxAnswerPartBytes);
      this.#write({ form: 'native', bytes: part, kinds: 0, deltas: 0, continued: false }, undefined);
    }
    this.#send({ form: 'native', bytes: rest, kinds, deltas, continued: false });
  }

  /** A batch too large for a frame goes in halves; a single event that is too large, in parts of its encoding. */
  #sendEvents({ events, kinds, deltas }: TypedBatch): void {
    let bytes = encodeEvents(events);
    if (bytes.byteLength > maxAnswerPartBytes && events.length > 1) {
      const middle = events.length >> 1;
      this.#sendEvents(toTypedBatch(events.slice(0, middle)));
      this.#sendEvents(toTypedBatch(events.slice(middle)));
      return;
    }
    while (bytes.byteLength > maxAnswerPartBytes) {
      const part = bytes.subarray(0, maxAnswerPartBytes);
      bytes = bytes.subarray(maxAnswerPartBytes);
      this.#write({ form: 'events', bytes: part, kinds: 0, deltas: 0, continued: true }, undefined);
    }
    this.#send({ form: 'events', bytes, kinds, deltas, continued: false });
  }

  #send(payload: UpPayload): void {
    if ((payload.kinds & batchKind.end) === 0) {
      this.#write(payload, undefined);
      return;
    }
    this.#last = payload;
    setImmediate(flushLast, this);
  }

  #flush(): void {
    const last = this.#last;
    if (last === undefined) return;
    this.#last = undefined;
    this.#write(last, undefined);
  }

  flushLast(): void {
    this.#flush();
  }

  #write(payload: UpPayload | undefined, end: JobEnd | undefined): void {
    const accepted = !this.#hasAccepted;
    this.#hasAccepted = true;
    if (!this.#lane.write(encodeUp(this.#sequence, accepted, payload, end))) this.#isHeldBack = true;
  }
}

function flushLast(job: LaneJob): void {
  job.flushLast();
}
