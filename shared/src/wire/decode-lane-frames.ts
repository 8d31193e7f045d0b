import { fromWireDecline, fromWireEnd, fromWireEndpoint, fromWirePins, fromWirePriority } from './convert-job.ts';
import type { JobHeader } from './generated/waggle/v1/job.ts';
import { LaneDown, LaneUp } from './generated/waggle/v1/lanes.ts';
import type { BindHead, LaneDownFrame, LaneUpFrame } from './lane-frames.ts';

/** Bytes of the body are a view of `bytes`. */
export function decodeLaneDown(bytes: Buffer): LaneDownFrame {
  const { job, hello, header, body, cancel } = LaneDown.decode(bytes);
  return { job, hello, bind: header === undefined ? undefined : toBindHead(header), body, cancel };
}

/** Bytes of the answer are a view of `bytes`. */
export function decodeLaneUp(bytes: Buffer): LaneUpFrame {
  const { job, accepted, declined, kinds, deltas, payload, continued, ended, retire } = LaneUp.decode(bytes);
  return {
    job,
    accepted,
    declined: declined === undefined ? undefined : fromWireDecline(declined),
    kinds,
    deltas,
    native: payload?.$case === 'native' ? payload.value : undefined,
    events: payload?.$case === 'events' ? payload.value : undefined,
    continued,
    ended: ended === undefined ? undefined : fromWireEnd(ended),
    retire,
  };
}

function toBindHead(header: JobHeader): BindHead {
  const { jobId, attempt, requestId, model, answerModel, stream, events, priority, remainingMs, traceparent } = header;
  return {
    bodyBytes: header.bodyBytes,
    header: {
      jobId,
      attempt,
      requestId: requestId ?? jobId,
      endpoint: fromWireEndpoint(header.endpoint),
      model,
      answerModel: answerModel ?? model,
      stream,
      answer: events ? 'events' : 'native',
      priority: fromWirePriority(priority),
      pins: fromWirePins(header.pins),
      hops: header.hops,
      ...(remainingMs === undefined ? {} : { remainingMs }),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}
