import type { AnswerBatch } from '../../chat/answer-batch.ts';
import type { DeclineReason, JobEnd, JobHeader } from '../../cluster/job.ts';
import type { NodeReport } from '../../cluster/node.ts';
import type { JobObserver, Lane, LaneLink, LinkEvents, Refusal } from '../lane-link.ts';
import { until } from './waiting.ts';

/** What an observer of a job was told. What must not be is noted in `violations`. */
export class RecordingObserver implements JobObserver {
  readonly lane: Lane;
  readonly #violations: string[];
  readonly batches: AnswerBatch[] = [];
  acceptedCount = 0;
  /** The last word; undefined: not said yet. */
  outcome: 'declined' | 'ended' | 'lost' | undefined;
  reason: string | undefined;
  end: JobEnd | undefined;
  /** Bytes of native batches. */
  bytes = 0;
  /** Called with each batch. */
  onBatch: (batch: AnswerBatch) => void = () => {};
  onOver: (observer: RecordingObserver) => void = () => {};

  constructor(lane: Lane, violations: string[]) {
    this.lane = lane;
    this.#violations = violations;
  }

  /** The native bytes in one piece. */
  get text(): string {
    return Buffer.concat(
      this.batches.map((batch) => (batch.form === 'native' ? batch.bytes : Buffer.alloc(0))),
    ).toString();
  }

  accepted(): void {
    this.#mustBeOpen('accepted');
    this.acceptedCount++;
  }

  batch(batch: AnswerBatch): void {
    this.#mustBeOpen('batch');
    if (this.acceptedCount !== 1) this.#violations.push('a batch before accepted');
    this.batches.push(batch);
    if (batch.form === 'native') this.bytes += batch.bytes.byteLength;
    this.onBatch(batch);
  }

  declined(reason: DeclineReason): void {
    this.#over('declined');
    this.reason = reason;
    this.onOver(this);
  }

  ended(end: JobEnd): void {
    this.#over('ended');
    this.end = end;
    this.onOver(this);
  }

  lost(reason: string): void {
    this.#over('lost');
    this.reason = reason;
    this.onOver(this);
  }

  /** Resolves when the last word was said. */
  async over(): Promise<void> {
    await until(() => this.outcome !== undefined);
  }

  #over(outcome: 'declined' | 'ended' | 'lost'): void {
    this.#mustBeOpen(outcome);
    this.outcome = outcome;
  }

  #mustBeOpen(what: string): void {
    if (this.outcome !== undefined) this.#violations.push(`${what} after ${this.outcome}`);
  }
}

/** An orchestrator that records what it is told, in order, and notes what a link must never say. */
export class RecordingEvents implements LinkEvents {
  /** Empty, or the link is wrong. */
  readonly violations: string[] = [];
  readonly calls: string[] = [];
  readonly reports: NodeReport[] = [];
  readonly roundTrips: number[] = [];
  /** Open lanes, busy ones included. */
  readonly lanes = new Set<Lane>();
  readonly busy = new Map<Lane, RecordingObserver>();
  link: LaneLink | undefined;
  refusal: Refusal | undefined;
  isSuspect = false;
  #jobId = 0;
  /** Observers that were ever made. */
  readonly observers: RecordingObserver[] = [];

  joined(link: LaneLink, report: NodeReport): Refusal | undefined {
    this.calls.push('joined');
    if (this.refusal !== undefined) return this.refusal;
    if (this.link !== undefined) this.violations.push('joined while another link of the node is there');
    this.link = link;
    this.isSuspect = false;
    this.reports.push(report);
    return undefined;
  }

  reported(link: LaneLink, report: NodeReport): void {
    this.#mustBeMine(link);
    this.calls.push('reported');
    this.reports.push(report);
  }

  laneOpened(link: LaneLink, lane: Lane): void {
    this.#mustBeMine(link);
    if (this.lanes.has(lane)) this.violations.push('a lane was opened twice');
    this.lanes.add(lane);
  }

  laneClosed(link: LaneLink, lane: Lane): void {
    this.#mustBeMine(link);
    if (!this.lanes.delete(lane)) this.violations.push('a lane that is not open was closed');
    if (this.busy.has(lane)) this.violations.push('a lane was closed before its job was told');
  }

  suspected(link: LaneLink): void {
    this.#mustBeMine(link);
    if (this.isSuspect) this.violations.push('suspected twice');
    this.isSuspect = true;
    this.calls.push('suspected');
  }

  recovered(link: LaneLink): void {
    this.#mustBeMine(link);
    if (!this.isSuspect) this.violations.push('recovered without having been suspected');
    this.isSuspect = false;
    this.calls.push('recovered');
  }

  measured(link: LaneLink, roundTripMs: number): void {
    this.#mustBeMine(link);
    this.roundTrips.push(roundTripMs);
  }

  left(link: LaneLink, reason: string): void {
    this.#mustBeMine(link);
    if (this.lanes.size > 0) this.violations.push('a node left before its lanes were closed');
    this.link = undefined;
    this.calls.push(`left: ${reason}`);
  }

  get idle(): readonly Lane[] {
    return [...this.lanes].filter((lane) => !this.busy.has(lane));
  }

  get report(): NodeReport | undefined {
    return this.reports.at(-1);
  }

  /** The link; throws while the node is not in the cluster. */
  get present(): LaneLink {
    if (this.link === undefined) throw new Error('the node is not in the cluster');
    return this.link;
  }

  /** Gives an idle lane a job. */
  bind(lane: Lane, header: Partial<JobHeader> = {}, body: Uint8Array = Buffer.from('{}')): RecordingObserver {
    if (!this.lanes.has(lane) || this.busy.has(lane)) throw new Error('the lane is not idle');
    const observer = new RecordingObserver(lane, this.violations);
    this.observers.push(observer);
    this.busy.set(lane, observer);
    const over = observer.onOver;
    observer.onOver = (done) => {
      this.busy.delete(lane);
      over(done);
    };
    this.#jobId++;
    lane.bind(toJobHeader({ jobId: `j${this.#jobId}`, engineId: lane.engineId, ...header }), body, observer);
    return observer;
  }

  /** Waits for an idle lane and gives it a job. */
  async bindNext(header: Partial<JobHeader> = {}, body?: Uint8Array): Promise<RecordingObserver> {
    await until(() => this.idle.length > 0);
    const [lane] = this.idle;
    if (lane === undefined) throw new Error('no lane is idle');
    return this.bind(lane, header, body);
  }

  #mustBeMine(link: LaneLink): void {
    if (link !== this.link) this.violations.push('a link that is not in the cluster says something');
  }
}

export function toJobHeader(facts: Partial<JobHeader> = {}): JobHeader {
  return {
    jobId: 'j1',
    attempt: 1,
    requestId: facts.jobId ?? 'j1',
    endpoint: 'ollama.chat',
    engineId: 'e1',
    model: 'llama3.2:latest',
    answerModel: 'llama3.2',
    stream: true,
    answer: 'native',
    priority: 'normal',
    pins: {},
    ...facts,
  };
}
