import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { AcceptTicker } from '@waggle/shared/lane-link/accept-ticker.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import { encodeDeclined, encodeUp, retireFrame } from '@waggle/shared/wire/encode-lane-frames.ts';
import type { BindHead, LaneDownFrame } from '@waggle/shared/wire/lane-frames.ts';
import { type JobLane, LaneJob } from './lane-job.ts';

export type LaneCall = ClientDuplexStream<Buffer, LaneDownFrame>;

/** Who keeps the lanes. */
export interface LaneOwner {
  readonly host: NodeHost;
  readonly ticker: AcceptTicker;
  /** The orchestrator has taken the lane in. */
  opened(lane: NodeLane): void;
  bound(lane: NodeLane): void;
  /** Its job is over. */
  freed(lane: NodeLane): void;
  /** Its stream is over. */
  closed(lane: NodeLane): void;
}

/** Written bytes that may wait to be sent before the host is asked to pause. */
const unsentMaxBytes = 256 * 1024;
/** Frames below this are bounded by their number alone (the stream takes 16). */
const largeFrameBytes = 16 * 1024;

interface IncomingBody {
  readonly head: BindHead;
  readonly parts: Uint8Array[];
  bytes: number;
}

/** The node's end of a lane. Reads always, whatever its own writes wait for, so that a cancel is seen. */
export class NodeLane implements JobLane {
  readonly engineId: string;
  readonly #call: LaneCall;
  readonly #owner: LaneOwner;
  /** Of the present job. */
  #sequence = 0;
  #incoming: IncomingBody | undefined;
  #job: LaneJob | undefined;
  #hasOpened = false;
  #isRetiring = false;
  #isClosed = false;
  #unsentBytes = 0;

  constructor(engineId: string, call: LaneCall, owner: LaneOwner) {
    this.engineId = engineId;
    this.#call = call;
    this.#owner = owner;
    call.on('data', this.#onFrame);
    call.on('drain', this.#onDrain);
    const over = () => this.#over();
    for (const event of ['end', 'error', 'close']) call.on(event, over);
  }

  get hasOpened(): boolean {
    return this.#hasOpened;
  }

  get isRetiring(): boolean {
    return this.#isRetiring;
  }

  /** Takes the slot back: the orchestrator closes the lane when no job is on it. */
  retire(): void {
    if (this.#isRetiring || this.#isClosed) return;
    this.#isRetiring = true;
    this.#call.write(retireFrame);
  }

  /** Ends the stream at once; a job on it is cancelled. */
  cut(): void {
    this.#over();
    this.#call.cancel();
  }

  write(frame: Buffer): boolean {
    if (this.#isClosed) return true;
    const { byteLength } = frame;
    if (byteLength < largeFrameBytes) return this.#call.write(frame) && this.#unsentBytes <= unsentMaxBytes;
    this.#unsentBytes += byteLength;
    const mayGoOn = this.#call.write(frame, () => {
      this.#unsentBytes -= byteLength;
      this.#onDrain();
    });
    return mayGoOn && this.#unsentBytes <= unsentMaxBytes;
  }

  jobOver(): void {
    this.#job = undefined;
    this.#owner.freed(this);
  }

  readonly #onFrame = (frame: LaneDownFrame): void => {
    if (frame.bind !== undefined) {
      this.#bind(frame.job, frame.bind, frame.body);
    } else if (frame.hello) {
      this.#hasOpened = true;
      this.#owner.opened(this);
    } else if (frame.job === this.#sequence) {
      if (frame.cancel) this.#cancel();
      else this.#addBody(frame.body);
    }
  };

  readonly #onDrain = (): void => {
    if (this.#call.writableNeedDrain || this.#unsentBytes > unsentMaxBytes / 2) return;
    this.#job?.resume();
  };

  #bind(sequence: number, head: BindHead, body: Uint8Array): void {
    if (this.#job !== undefined || this.#incoming !== undefined) {
      this.#call.write(encodeDeclined(sequence, 'busy-lane'));
      return;
    }
    this.#sequence = sequence;
    this.#owner.bound(this);
    if (body.byteLength >= head.bodyBytes) {
      this.#start(head, body);
    } else {
      this.#incoming = { head, parts: [body], bytes: body.byteLength };
    }
  }

  #addBody(part: Uint8Array): void {
    const incoming = this.#incoming;
    if (incoming === undefined) return;
    incoming.parts.push(part);
    incoming.bytes += part.byteLength;
    if (incoming.bytes < incoming.head.bodyBytes) return;
    this.#incoming = undefined;
    this.#start(incoming.head, Buffer.concat(incoming.parts, incoming.bytes));
  }

  #start({ header }: BindHead, body: Uint8Array): void {
    const { endpoint } = header;
    if (endpoint === undefined) {
      this.#endUnrun('failed');
      return;
    }
    const job = new LaneJob(this, this.#sequence);
    this.#job = job;
    this.#owner.ticker.watch(job);
    job.start(this.#owner.host, { ...header, endpoint, engineId: this.engineId }, body);
  }

  #cancel(): void {
    if (this.#incoming === undefined) {
      this.#job?.cancel();
      return;
    }
    this.#incoming = undefined;
    this.#endUnrun('cancelled');
  }

  #endUnrun(outcome: 'failed' | 'cancelled'): void {
    const message = 'this node does not know the endpoint; it runs an older version';
    const failure = { cause: 'internal', code: 'unsupported', message } as const;
    const end = outcome === 'failed' ? { outcome, failure } : { outcome };
    this.#call.write(encodeUp(this.#sequence, true, undefined, end));
    this.#owner.freed(this);
  }

  #over(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const job = this.#job;
    this.#job = undefined;
    this.#incoming = undefined;
    this.#owner.closed(this);
    job?.abandon();
  }
}
