import {
  type OperationFrame,
  type OperationName,
  type OperationRequest,
  operationNames,
} from '../cluster/operation.ts';
import { fromWireFailure, toWireFailure } from './convert-job.ts';
import { toCount } from './counts.ts';
import * as wire from './generated/waggle/v1/operations.ts';

/** What the orchestrator says on an operation's stream. `unknown` is a kind of a later version, to be skipped. */
export type OperationDown =
  | {
      readonly type: 'start';
      /** An operation this version does not know has no name. */
      readonly request: Omit<OperationRequest, 'name'> & { readonly name: OperationName | undefined };
    }
  | { readonly type: 'content'; readonly bytes: Uint8Array }
  /** Broken: the rest of the content will never come. */
  | { readonly type: 'content-end'; readonly broken: boolean }
  | { readonly type: 'cancel' }
  | { readonly type: 'unknown' };

export type OperationUp = OperationFrame | { readonly type: 'unknown' };

export function encodeOperationDown(frame: OperationDown): Buffer {
  return toBuffer(wire.OperationDown.encode({ kind: toWireDown(frame) }).finish());
}

export function decodeOperationDown(bytes: Buffer): OperationDown {
  const { kind } = wire.OperationDown.decode(bytes);
  switch (kind?.$case) {
    case 'start': {
      const { name, ...rest } = kind.value;
      return { type: 'start', request: { ...rest, name: operationNames.find((known) => known === name) } };
    }
    case 'content':
      return { type: 'content', bytes: kind.value };
    case 'contentEnd':
      return { type: 'content-end', broken: kind.value.broken };
    case 'cancel':
      return { type: 'cancel' };
    case undefined:
      return { type: 'unknown' };
  }
}

export function encodeOperationUp(frame: OperationUp): Buffer {
  return toBuffer(wire.OperationUp.encode({ kind: toWireUp(frame) }).finish());
}

export function decodeOperationUp(bytes: Buffer): OperationUp {
  const { kind } = wire.OperationUp.decode(bytes);
  switch (kind?.$case) {
    case 'head':
      return { type: 'head', status: kind.value.status, contentType: kind.value.contentType };
    case 'chunk':
      return { type: 'chunk', bytes: kind.value };
    case 'end': {
      const { failure } = kind.value;
      return { type: 'end', ...(failure === undefined ? {} : { failure: fromWireFailure(failure) }) };
    }
    case undefined:
      return { type: 'unknown' };
  }
}

function toWireDown(frame: OperationDown): wire.OperationDown['kind'] {
  switch (frame.type) {
    case 'start': {
      const { operationId, engineId, name, bodyJson } = frame.request;
      return { $case: 'start', value: { operationId, engineId, name: name ?? '', bodyJson } };
    }
    case 'content':
      return { $case: 'content', value: frame.bytes };
    case 'content-end':
      return { $case: 'contentEnd', value: { broken: frame.broken } };
    case 'cancel':
      return { $case: 'cancel', value: {} };
    case 'unknown':
      return undefined;
  }
}

function toWireUp(frame: OperationUp): wire.OperationUp['kind'] {
  switch (frame.type) {
    case 'head':
      return { $case: 'head', value: { status: toCount(frame.status), contentType: frame.contentType } };
    case 'chunk':
      return { $case: 'chunk', value: frame.bytes };
    case 'end':
      return {
        $case: 'end',
        value: { failure: frame.failure === undefined ? undefined : toWireFailure(frame.failure) },
      };
    case 'unknown':
      return undefined;
  }
}

/** The encoders' bytes are their own, so a view is enough. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
