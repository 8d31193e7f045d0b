import type { Timings, Usage } from '../chat/chat-event.ts';
import type { DeclineReason, JobEnd, JobFailure, JobHeader, JobPins } from '../cluster/job.ts';
import { toWireDecline, toWireEndpoint, toWireOptions, toWireOutcome, toWirePriority } from './convert-job.ts';
import { FrameWriter, maxTextBytes } from './frame-writer.ts';
import { joinedPayloadMinBytes, joinFrame } from './joined-frame.ts';

/*
 * By hand what the generated encoders of waggle/v1/lanes.proto and job.proto write; a test holds them together.
 * Tags are field number × 8 + wire type (0 number, 1 double, 2 length and bytes).
 */

/** What the fixed-size fields of a frame with everything set may take. */
const fixedBytes = 192;

export const helloFrame: Buffer = Buffer.from([2 * 8, 1]);

export const retireFrame: Buffer = Buffer.from([10 * 8, 1]);

/** A job, with the first part of its body, which must stay as it is until the frame has left. */
export function encodeBind(job: number, header: JobHeader, bodyBytes: number, firstPart: Uint8Array): Buffer {
  const { jobId, requestId, model, answerModel, traceparent, hops, pins } = header;
  let textBytes = maxTextBytes(jobId) + maxTextBytes(requestId) + maxTextBytes(model) + maxTextBytes(answerModel);
  if (traceparent !== undefined) textBytes += maxTextBytes(traceparent);
  if (hops !== undefined) textBytes += maxTextBytes(hops);
  const longPins = pins.startOptions === undefined ? undefined : encodePins(pins);
  if (longPins !== undefined) textBytes += longPins.byteLength;
  const head = new FrameWriter(fixedBytes + textBytes);
  head.string(10, jobId);
  head.uint(16, header.attempt);
  if (requestId !== jobId) head.string(26, requestId);
  head.uint(32, toWireEndpoint(header.endpoint));
  head.string(42, model);
  if (answerModel !== model) head.string(50, answerModel);
  if (header.stream) head.flag(56);
  if (header.answer === 'events') head.flag(64);
  if (header.priority !== 'normal') head.uint(72, toWirePriority(header.priority));
  if (header.remainingMs !== undefined) head.double(81, header.remainingMs);
  if (traceparent !== undefined) head.string(90, traceparent);
  if (longPins !== undefined) {
    head.bytes(98, longPins);
  } else {
    const start = head.beginShort(98);
    writePins(head, pins);
    head.endShort(start);
  }
  head.uint(104, bodyBytes);
  if (hops !== undefined) head.string(114, hops);
  const headBytes = head.finish();

  const frame = new FrameWriter(32 + headBytes.byteLength + copiedBytes(firstPart));
  frame.uint(8, job);
  frame.bytes(26, headBytes);
  return firstPart.byteLength === 0 ? frame.finish() : finishWith(frame, 34, firstPart);
}

function writePins(head: FrameWriter, { numCtx, keepAliveSeconds }: JobPins): void {
  if (numCtx !== undefined) head.uint(8, numCtx);
  if (keepAliveSeconds !== undefined) head.double(17, keepAliveSeconds);
}

/** Seldom needed, and longer than a short message may be. */
function encodePins(pins: JobPins): Buffer {
  const options = toWireOptions(pins.startOptions ?? {});
  const message = new FrameWriter(fixedBytes + maxTextBytes(options));
  writePins(message, pins);
  message.string(26, options);
  return message.finish();
}

export function encodeBodyPart(job: number, part: Uint8Array): Buffer {
  const frame = new FrameWriter(32 + copiedBytes(part));
  frame.uint(8, job);
  return finishWith(frame, 34, part);
}

export function encodeCancel(job: number): Buffer {
  const frame = new FrameWriter(32);
  frame.uint(8, job);
  frame.flag(40);
  return frame.finish();
}

/** The answer's part in a frame of the node's. */
export interface UpPayload {
  readonly kinds: number;
  readonly deltas: number;
  readonly form: 'native' | 'events';
  readonly bytes: Uint8Array;
  /** Events only: the rest is in the next frame. */
  readonly continued: boolean;
}

/** What a job says in one frame. A large payload must stay as it is until the frame has left. */
export function encodeUp(
  job: number,
  accepted: boolean,
  payload: UpPayload | undefined,
  end: JobEnd | undefined,
): Buffer {
  const endBytes = end?.failure === undefined ? 0 : maxFailureBytes(end.failure);
  const frame = new FrameWriter(fixedBytes + endBytes + copiedBytes(payload?.bytes));
  frame.uint(8, job);
  if (accepted) frame.flag(16);
  if (end !== undefined) writeEnd(frame, end);
  if (payload === undefined) return frame.finish();
  if (payload.kinds !== 0) frame.uint(32, payload.kinds);
  if (payload.deltas !== 0) frame.uint(40, payload.deltas);
  if (payload.continued) frame.flag(64);
  return finishWith(frame, payload.form === 'native' ? 50 : 58, payload.bytes);
}

export function encodeDeclined(job: number, reason: DeclineReason): Buffer {
  const frame = new FrameWriter(32);
  frame.uint(8, job);
  frame.uint(24, toWireDecline(reason));
  return frame.finish();
}

function copiedBytes(payload: Uint8Array | undefined): number {
  return payload === undefined || payload.byteLength >= joinedPayloadMinBytes ? 0 : payload.byteLength;
}

/** The frame with its payload at the end: copied when small, joined when large. */
function finishWith(frame: FrameWriter, tag: number, payload: Uint8Array): Buffer {
  if (payload.byteLength < joinedPayloadMinBytes) {
    frame.bytes(tag, payload);
    return frame.finish();
  }
  frame.bytesHead(tag, payload.byteLength);
  return joinFrame(frame.finish(), payload);
}

function writeEnd(frame: FrameWriter, end: JobEnd): void {
  if (end.failure !== undefined) {
    frame.bytes(74, encodeEnd(end, end.failure));
    return;
  }
  const start = frame.beginShort(74);
  writeEndFields(frame, end);
  frame.endShort(start);
}

/** Ends with a failure are rare and may be long: a buffer of their own, so that their length is known. */
function encodeEnd(end: JobEnd, failure: JobFailure): Buffer {
  const inner = new FrameWriter(maxFailureBytes(failure));
  inner.string(10, failure.cause);
  inner.string(18, failure.code);
  inner.string(26, failure.message);
  if (failure.engineStatus !== undefined) inner.uint(32, failure.engineStatus);
  if (failure.engineBody !== undefined) inner.string(42, failure.engineBody);
  if (failure.retryAfterMs !== undefined) inner.double(49, failure.retryAfterMs);
  if (failure.param !== undefined) inner.string(58, failure.param);
  const innerBytes = inner.finish();
  const whole = new FrameWriter(fixedBytes + innerBytes.byteLength);
  writeEndFields(whole, end);
  whole.bytes(18, innerBytes);
  return whole.finish();
}

/** All but the failure: at most 96 bytes. */
function writeEndFields(frame: FrameWriter, end: JobEnd): void {
  if (end.outcome !== 'done') frame.uint(8, toWireOutcome(end.outcome));
  if (end.usage !== undefined) writeUsage(frame, end.usage);
  if (end.timings !== undefined) writeTimings(frame, end.timings);
  if (end.estimated === true) frame.flag(40);
}

function writeUsage(frame: FrameWriter, usage: Usage): void {
  const start = frame.beginShort(26);
  if (usage.promptTokens !== 0) frame.uint(8, usage.promptTokens);
  if (usage.completionTokens !== 0) frame.uint(16, usage.completionTokens);
  if (usage.cachedTokens !== undefined) frame.uint(24, usage.cachedTokens);
  frame.endShort(start);
}

function writeTimings(frame: FrameWriter, timings: Timings): void {
  const start = frame.beginShort(34);
  if (timings.totalMs !== undefined) frame.double(9, timings.totalMs);
  if (timings.loadMs !== undefined) frame.double(17, timings.loadMs);
  if (timings.prefillMs !== undefined) frame.double(25, timings.prefillMs);
  if (timings.decodeMs !== undefined) frame.double(33, timings.decodeMs);
  frame.endShort(start);
}

function maxFailureBytes({ cause, code, message, engineBody, param }: JobFailure): number {
  let bytes = 64 + maxTextBytes(cause) + maxTextBytes(code) + maxTextBytes(message);
  if (engineBody !== undefined) bytes += maxTextBytes(engineBody);
  if (param !== undefined) bytes += maxTextBytes(param);
  return bytes + fixedBytes;
}
