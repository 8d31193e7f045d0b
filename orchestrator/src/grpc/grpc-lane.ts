import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { JobObserver, Lane } from '@waggle/shared/lane-link/lane-link.ts';
import { cancelMaxMs } from '@waggle/shared/lane-link/link-failures.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { decodeEvents } from '@waggle/shared/wire/convert-events.ts';
import { encodeBind, encodeBodyPart, encodeCancel, helloFrame } from '@waggle/shared/wire/encode-lane-frames.ts';
import { joinedEventsMaxBytes, type LaneUpFrame, maxBodyPartBytes } from '@waggle/shared/wire/lane-frames.ts';
import type { LaneConnection } from './lane-connection.ts';

/** What arrives are frames, what is written is encoded. */
export type LaneCall = ServerDuplexStream<LaneUpFrame, Buffer>;

interface LaneDeps {
  readonly clock: Clock;
  readonly connection: LaneConnection;
  /** The lane is over; a job on it was told. */
  readonly closed: (lane: GrpcLane) => void;
}

/**
 * The orchestrator's end of a lane. Invariant: a job's observer hears exactly one of declined, ended and lost, last; a
 * frame of an earlier job is dropped.
 */
export class GrpcLane implements Lane {
  readonly laneId: number;
  readonly engineId: string;
  readonly #call: LaneCall;
  readonly #deps: LaneDeps;
  /** Counts the jobs; the frames of the present one carry it. */
  #job = 0;
  #observer: JobObserver | undefined;
  #isAccepted = false;
  #isRetiring = false;
  #isClosed = false;
  #eventParts: Uint8Array[] = [];
  #eventBytes = 0;
  #cancelGuard: (() => void) | undefined;

  constructor(laneId: number, engineId: string, call: LaneCall, deps: LaneDeps) {
    this.laneId = laneId;
    this.engineId = engineId;
    this.#call = call;
    this.#deps = deps;
  }

  /** Reads from now on, and says hello. */
  open(): void {
    const broke = () => this.lose('the connection broke');
    this.#call.on('data', this.#onFrame);
    this.#call.on('end', () => this.lose('the node closed the lane'));
    this.#call.on('error', broke);
    this.#call.on('cancelled', broke);
    this.#call.on('close', broke);
    this.#call.write(helloFrame);
  }

  bind(header: JobHeader, body: Uint8Array, observer: JobObserver): void {
    if (this.#observer !== undefined) throw new Error(`lane ${this.laneId} is given a second job`);
    if (this.#isClosed) {
      setImmediate(() => observer.lost('the lane was closed before'));
      return;
    }
    this.#job++;
    this.#observer = observer;
    this.#isAccepted = false;
    const bodyBytes = body.byteLength;
    if (bodyBytes <= maxBodyPartBytes) {
      this.#call.write(encodeBind(this.#job, header, bodyBytes, body));
      return;
    }
    const frame = encodeBind(this.#job, header, bodyBytes, body.subarray(0, maxBodyPartBytes));
    this.#call.write(frame, this.#sendRest(this.#job, body, maxBodyPartBytes));
  }

  cancel(): void {
    if (this.#observer === undefined || this.#cancelGuard !== undefined) return;
    this.#cancelGuard = this.#deps.clock.schedule(cancelMaxMs, () =>
      this.lose(`a cancelled job did not end within ${cancelMaxMs / 1000} s`),
    );
    this.#call.write(encodeCancel(this.#job));
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  /** Gives the lane up, whatever it is doing. */
  lose(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const observer = this.#observer;
    this.#forgetJob();
    this.#call.resume();
    this.#call.end();
    observer?.lost(reason);
    this.#deps.closed(this);
  }

  /** Parts go one by one, each when the one before has left: what waits to be sent is one part. */
  #sendRest(job: number, body: Uint8Array, sent: number): () => void {
    return () => {
      const isOver = this.#isClosed || this.#job !== job || this.#observer === undefined;
      if (isOver || this.#cancelGuard !== undefined || sent >= body.byteLength) return;
      const next = Math.min(sent + maxBodyPartBytes, body.byteLength);
      this.#call.write(encodeBodyPart(job, body.subarray(sent, next)), this.#sendRest(job, body, next));
    };
  }

  readonly #onFrame = (frame: LaneUpFrame): void => {
    this.#deps.connection.hasSpoken = true;
    const observer = this.#observer;
    if (frame.job === this.#job && observer !== undefined) this.#onJobFrame(frame, observer);
    if (!frame.retire && !this.#isRetiring) return;
    this.#isRetiring = true;
    if (this.#observer === undefined) this.lose('the node took the slot back');
  };

  #onJobFrame(frame: LaneUpFrame, observer: JobObserver): void {
    if (frame.declined !== undefined) {
      this.#forgetJob();
      observer.declined(frame.declined);
      return;
    }
    if (!this.#isAccepted) {
      this.#isAccepted = true;
      observer.accepted();
    }
    const batch = this.#toBatch(frame);
    if (batch !== undefined) observer.batch(batch);
    if (frame.ended === undefined || this.#observer !== observer) return;
    this.#forgetJob();
    this.#call.resume();
    observer.ended(frame.ended);
  }

  #toBatch({ native, events, kinds, deltas, continued }: LaneUpFrame): AnswerBatch | undefined {
    if (native !== undefined) return { form: 'native', kinds, deltas, bytes: native };
    if (events === undefined) return undefined;
    if (continued || this.#eventBytes > 0) {
      this.#eventParts.push(events);
      this.#eventBytes += events.byteLength;
      if (this.#eventBytes > joinedEventsMaxBytes) {
        this.lose(`the node sent an event of more than ${joinedEventsMaxBytes} bytes`);
        return undefined;
      }
      if (continued) return undefined;
    }
    const whole = this.#eventBytes > 0 ? Buffer.concat(this.#eventParts, this.#eventBytes) : events;
    this.#forgetEventParts();
    try {
      return { form: 'events', kinds, deltas, events: decodeEvents(whole) };
    } catch {
      this.lose('the node sent events that cannot be read');
      return undefined;
    }
  }

  #forgetJob(): void {
    this.#observer = undefined;
    this.#cancelGuard?.();
    this.#cancelGuard = undefined;
    this.#forgetEventParts();
  }

  #forgetEventParts(): void {
    if (this.#eventBytes === 0) return;
    this.#eventParts = [];
    this.#eventBytes = 0;
  }
}
