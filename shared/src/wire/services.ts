import { decodeControlDown, decodeControlUp, encodeControlDown, encodeControlUp } from './convert-control.ts';
import { decodeOperationDown, decodeOperationUp, encodeOperationDown, encodeOperationUp } from './convert-operation.ts';
import { decodeLaneDown, decodeLaneUp } from './decode-lane-frames.ts';
import { LanesService } from './generated/waggle/v1/lanes.ts';
import { MembershipService } from './generated/waggle/v1/membership.ts';
import { OperationsService } from './generated/waggle/v1/operations.ts';

/**
 * A call of the wire, a stream of frames both ways, as grpc-js takes method definitions, in our own types. What is sent
 * and what arrives may differ in type: the frames of a lane are encoded before they are written.
 */
export interface StreamCall<UpSent, UpReceived, DownSent, DownReceived> {
  readonly path: string;
  readonly requestStream: true;
  readonly responseStream: true;
  readonly requestSerialize: (frame: UpSent) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => UpReceived;
  readonly responseSerialize: (frame: DownSent) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => DownReceived;
}

const bidirectional = { requestStream: true, responseStream: true } as const;

export const membershipJoin = {
  path: MembershipService.join.path,
  ...bidirectional,
  requestSerialize: encodeControlUp,
  requestDeserialize: decodeControlUp,
  responseSerialize: encodeControlDown,
  responseDeserialize: decodeControlDown,
} as const satisfies StreamCall<never, unknown, never, unknown>;

export const operationsOpen = {
  path: OperationsService.open.path,
  ...bidirectional,
  requestSerialize: encodeOperationUp,
  requestDeserialize: decodeOperationUp,
  responseSerialize: encodeOperationDown,
  responseDeserialize: decodeOperationDown,
} as const satisfies StreamCall<never, unknown, never, unknown>;

export const lanesOpen = {
  path: LanesService.open.path,
  ...bidirectional,
  requestSerialize: asIs,
  requestDeserialize: decodeLaneUp,
  responseSerialize: asIs,
  responseDeserialize: decodeLaneDown,
} as const satisfies StreamCall<never, unknown, never, unknown>;

/** Beats have nothing in them yet. */
export const lanesWatch = {
  path: LanesService.watch.path,
  ...bidirectional,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
} as const satisfies StreamCall<never, unknown, never, unknown>;

export const beat: Buffer = Buffer.alloc(0);

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
