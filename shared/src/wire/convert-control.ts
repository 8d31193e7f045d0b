import type { NodeIdentity } from '../cluster/node.ts';
import { ClusterError } from '../errors/cluster-error.ts';
import { isErrorCode } from '../errors/error-codes.ts';
import type { ModelCommand } from '../lane-link/node-host.ts';
import type { ClosingReason, ControlDown, ControlUp } from './control-frames.ts';
import { fromWirePins, toWirePins } from './convert-job.ts';
import { fromWireLogBatch, toWireLogBatch } from './convert-log.ts';
import { fromWireReport, toWireIdentity, toWireReport } from './convert-report.ts';
import { toCount, toOptionalCount } from './counts.ts';
import type { Failure } from './generated/waggle/v1/failure.ts';
import * as wire from './generated/waggle/v1/membership.ts';

type WireUp = NonNullable<wire.ControlUp['kind']>;
type WireDown = NonNullable<wire.ControlDown['kind']>;

export function encodeControlUp(frame: ControlUp): Buffer {
  return toBuffer(wire.ControlUp.encode({ kind: toWireUp(frame) }).finish());
}

export function decodeControlUp(bytes: Buffer): ControlUp {
  const { kind } = wire.ControlUp.decode(bytes);
  return kind === undefined ? { type: 'unknown' } : fromWireUp(kind);
}

export function encodeControlDown(frame: ControlDown): Buffer {
  return toBuffer(wire.ControlDown.encode({ kind: toWireDown(frame) }).finish());
}

export function decodeControlDown(bytes: Buffer): ControlDown {
  const { kind } = wire.ControlDown.decode(bytes);
  return kind === undefined ? { type: 'unknown' } : fromWireDown(kind);
}

function toWireUp(frame: ControlUp): WireUp | undefined {
  switch (frame.type) {
    case 'register': {
      const { protocol, identity, nonce, proof, report } = frame;
      const value = { protocol, nonce, proof, identity: toWireIdentity(identity), report: toWireReport(report) };
      return { $case: 'register', value };
    }
    case 'report':
      return { $case: 'report', value: toWireReport(frame.report) };
    case 'report-part':
      return { $case: 'reportPart', value: { bytes: frame.bytes, last: frame.last } };
    case 'heartbeat':
      return { $case: 'heartbeat', value: {} };
    case 'pong':
      return { $case: 'pong', value: { id: frame.id, bootId: frame.bootId } };
    case 'command-result': {
      const failure = frame.error === undefined ? undefined : toWireFailure(frame.error);
      return { $case: 'commandResult', value: { commandId: frame.commandId, failure } };
    }
    case 'leave':
      return { $case: 'leave', value: { reason: frame.reason } };
    case 'log-batch':
      return { $case: 'logBatch', value: toWireLogBatch(frame) };
    case 'unknown':
      return undefined;
  }
}

function fromWireUp(kind: WireUp): ControlUp {
  switch (kind.$case) {
    case 'register': {
      const { protocol, identity, nonce, proof, report } = kind.value;
      return {
        type: 'register',
        protocol: protocol ?? noVersion,
        identity: identity ?? nobody,
        nonce,
        proof,
        report: fromWireReport(report ?? emptyReport),
      };
    }
    case 'report':
      return { type: 'report', report: fromWireReport(kind.value) };
    case 'reportPart':
      return { type: 'report-part', ...kind.value };
    case 'heartbeat':
      return { type: 'heartbeat' };
    case 'pong':
      return { type: 'pong', ...kind.value };
    case 'commandResult': {
      const { commandId, failure } = kind.value;
      return {
        type: 'command-result',
        commandId,
        ...(failure === undefined ? {} : { error: fromWireFailure(failure) }),
      };
    }
    case 'leave':
      return { type: 'leave', reason: kind.value.reason };
    case 'logBatch':
      return { type: 'log-batch', ...fromWireLogBatch(kind.value) };
  }
}

function toWireDown(frame: ControlDown): WireDown | undefined {
  switch (frame.type) {
    case 'hello': {
      const { protocol, clusterId, version, nonce } = frame;
      return { $case: 'hello', value: { protocol, clusterId, version, nonce } };
    }
    case 'welcome': {
      const { epoch, proof, sessionId, lanesPerNode, heartbeatMs } = frame;
      return { $case: 'welcome', value: { epoch, proof, sessionId, settings: { lanesPerNode, heartbeatMs } } };
    }
    case 'refused':
      return { $case: 'refused', value: { reason: frame.reason, message: frame.message } };
    case 'ping':
      return { $case: 'ping', value: { id: frame.id } };
    case 'command': {
      const { engineId, model, pins } = frame.model;
      const kind = { $case: frame.action, value: { engineId, model, pins: toWirePins(pins) } };
      return { $case: 'command', value: { commandId: frame.commandId, kind } };
    }
    case 'cancel-command':
      return { $case: 'cancelCommand', value: { commandId: frame.commandId } };
    case 'open-operation':
      return { $case: 'openOperation', value: { streamId: frame.streamId } };
    case 'closing':
      return { $case: 'closing', value: { reason: frame.reason, message: frame.message } };
    case 'unknown':
      return undefined;
  }
}

function fromWireDown(kind: WireDown): ControlDown {
  switch (kind.$case) {
    case 'hello': {
      const { protocol, clusterId, version, nonce } = kind.value;
      return { type: 'hello', protocol: protocol ?? noVersion, clusterId, version, nonce };
    }
    case 'welcome': {
      const { epoch, proof, sessionId, settings } = kind.value;
      const { lanesPerNode, heartbeatMs } = settings ?? { lanesPerNode: 0, heartbeatMs: 0 };
      return { type: 'welcome', epoch, proof, sessionId, lanesPerNode, heartbeatMs };
    }
    case 'refused':
      return { type: 'refused', ...kind.value };
    case 'ping':
      return { type: 'ping', id: kind.value.id };
    case 'command': {
      const { commandId, kind: command } = kind.value;
      if (command === undefined) return { type: 'unknown' };
      return { type: 'command', commandId, action: command.$case, model: fromWireModel(command.value) };
    }
    case 'cancelCommand':
      return { type: 'cancel-command', commandId: kind.value.commandId };
    case 'openOperation':
      return { type: 'open-operation', streamId: kind.value.streamId };
    case 'closing':
      return { type: 'closing', reason: toClosingReason(kind.value.reason), message: kind.value.message };
  }
}

function fromWireModel({ engineId, model, pins }: wire.ModelCommand): ModelCommand {
  return { engineId, model, pins: fromWirePins(pins) };
}

function toClosingReason(reason: string): ClosingReason {
  return reason === 'superseded' || reason === 'shutting-down' ? reason : 'closed';
}

function toWireFailure({ code, message, details }: ClusterError): Failure {
  const { engineStatus, engineMessage, retryAfterMs, param, hint } = details;
  return { code, message, engineStatus: toOptionalCount(engineStatus), engineMessage, retryAfterMs, param, hint };
}

function fromWireFailure({
  code,
  message,
  engineStatus,
  engineMessage,
  retryAfterMs,
  param,
  hint,
}: Failure): ClusterError {
  return new ClusterError(isErrorCode(code) ? code : 'internal', message, {
    details: {
      ...(engineStatus === undefined ? {} : { engineStatus: toCount(engineStatus) }),
      ...(engineMessage === undefined ? {} : { engineMessage }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(param === undefined ? {} : { param }),
      ...(hint === undefined ? {} : { hint }),
    },
  });
}

/** The encoders' bytes are their own, so a view is enough. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const noVersion = { major: 0, minor: 0 };
const nobody: NodeIdentity = { nodeId: '', bootId: '', name: '', machineId: '', version: '' };
const emptyReport = {
  sequence: 0,
  hardware: undefined,
  engines: [],
  memoryAvailableBytes: 0,
  draining: false,
  waitingJobs: 0,
  labels: {},
};
