import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { NodeIdentity, NodeReport } from '@waggle/shared/cluster/node.ts';
import { changingOperations, type OperationFrame, type OperationRequest } from '@waggle/shared/cluster/operation.ts';
import { isStreamMac } from '@waggle/shared/lane-link/handshake.ts';
import type { LaneIds } from '@waggle/shared/lane-link/lane-ids.ts';
import type { LaneLink, LinkEvents } from '@waggle/shared/lane-link/lane-link.ts';
import { toLostError } from '@waggle/shared/lane-link/link-failures.ts';
import type { ModelCommand } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { ClosingReason, ControlDown, ControlUp } from '@waggle/shared/wire/control-frames.ts';
import { ReportJoiner } from '@waggle/shared/wire/report-parts.ts';
import { beat } from '@waggle/shared/wire/services.ts';
import type { SessionClaim } from '@waggle/shared/wire/session-metadata.ts';
import { GrpcLane, type LaneCall } from './grpc-lane.ts';
import { LaneConnection } from './lane-connection.ts';
import type { NodeLogs } from './node-logs.ts';
import { type OperationCall, OperationStream } from './operation-stream.ts';
import { PendingCommands } from './pending-commands.ts';
import { Pings } from './pings.ts';

export type ControlCall = ServerDuplexStream<ControlUp, ControlDown>;
export type WatchCall = ServerDuplexStream<Buffer, Buffer>;

/** Silence after which nothing new is bound. A little under 1.5 s, for what it takes to notice. */
const suspectMs = 1_200;
/** Silence after which a node, or a connection of lanes, is given up. */
const deadMs = 5_000;
/** Longest wait for the report that shows what an operation changed. */
const reportMaxMs = 1_000;

interface LinkDeps {
  readonly identity: NodeIdentity;
  readonly epoch: number;
  readonly address: string;
  readonly sessionId: string;
  readonly sessionKey: Uint8Array;
  readonly lanesPerNode: number;
  readonly call: ControlCall;
  readonly events: LinkEvents;
  readonly logs: NodeLogs;
  readonly clock: Clock;
  readonly laneIds: LaneIds;
  /** Called once, when the link has ended and `left` was told. */
  readonly ended: (link: GrpcLink) => void;
}

/** A node's session: its control stream, its lanes and operations. It ends with its control stream, its lanes first. */
export class GrpcLink implements LaneLink {
  readonly identity: NodeIdentity;
  readonly epoch: number;
  readonly address: string;
  readonly sessionId: string;
  readonly #deps: LinkDeps;
  readonly #commands: PendingCommands;
  readonly #pings: Pings;
  readonly #reportParts = new ReportJoiner();
  readonly #connections = new Map<number, LaneConnection>();
  readonly #operations = new Map<number, OperationStream>();
  /** Lanes of engines that no report has named yet: lanes and reports travel on different connections. */
  readonly #early = new Set<GrpcLane>();
  #engineIds: ReadonlySet<string>;
  #laneCount = 0;
  #lastStreamId = 0;
  #heardAt: number;
  #isSuspect = false;
  #hasEnded = false;

  constructor(deps: LinkDeps, report: NodeReport) {
    this.#deps = deps;
    this.identity = deps.identity;
    this.epoch = deps.epoch;
    this.address = deps.address;
    this.sessionId = deps.sessionId;
    this.#commands = new PendingCommands((frame) => this.#write(frame));
    this.#pings = new Pings(deps.clock, (frame) => this.#write(frame));
    this.#heardAt = deps.clock.now();
    this.#engineIds = toEngineIds(report);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  load(model: ModelCommand, signal: AbortSignal): Promise<void> {
    return this.#hasEnded ? Promise.reject(this.#lostError('it left')) : this.#commands.run('load', model, signal);
  }

  unload(model: ModelCommand): Promise<void> {
    return this.#hasEnded ? Promise.reject(this.#lostError('it left')) : this.#commands.run('unload', model);
  }

  async *operate(
    request: OperationRequest,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<OperationFrame> {
    signal.throwIfAborted();
    this.#lastStreamId++;
    const streamId = this.#lastStreamId;
    const stream = new OperationStream(request, content, this.identity.name);
    const onAbort = () => stream.cancel(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#operations.set(streamId, stream);
    if (this.#hasEnded) stream.lose(this.#lostError('it left'));
    else this.#write({ type: 'open-operation', streamId });
    try {
      for await (const frame of stream.frames) {
        // Its effect is in a report on the control stream, which a round trip there brings in.
        if (frame.type === 'end' && changingOperations.has(request.name)) await this.#pings.askBootId(reportMaxMs);
        yield frame;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#operations.delete(streamId);
    }
  }

  close(reason: string): void {
    this.end(reason, 'closed');
  }

  /** What arrives on the control stream after the handshake. */
  onFrame(frame: ControlUp): void {
    if (this.#hasEnded) return;
    this.#heardAt = this.#deps.clock.now();
    switch (frame.type) {
      case 'report':
        this.#reported(frame.report);
        break;
      case 'report-part': {
        const report = this.#reportParts.add(frame.bytes, frame.last);
        if (report !== undefined) this.#reported(report);
        break;
      }
      case 'pong': {
        const roundTripMs = this.#pings.answered(frame.id, frame.bootId);
        if (roundTripMs !== undefined) this.#deps.events.measured(this, roundTripMs);
        break;
      }
      case 'command-result':
        this.#commands.settle(frame.commandId, frame.error);
        break;
      case 'log-batch':
        this.#deps.logs.write(this.identity, frame);
        break;
      case 'leave':
        this.end(frame.reason === '' ? 'it left' : frame.reason, 'closed');
        break;
      case 'register':
      case 'heartbeat':
      case 'unknown':
        break;
    }
  }

  isMine({ mac, sessionId, connection }: SessionClaim): boolean {
    return isStreamMac(mac, this.#deps.sessionKey, sessionId, connection);
  }

  /** False: the node has as many lanes as it may. */
  addLane(call: LaneCall, engineId: string, connectionNumber: number): boolean {
    if (this.#laneCount >= this.#deps.lanesPerNode) return false;
    const connection = this.#connection(connectionNumber);
    const lane = new GrpcLane(this.#deps.laneIds.next(), engineId, call, {
      clock: this.#deps.clock,
      connection,
      closed: (closed) => this.#laneClosed(closed, connection, connectionNumber),
    });
    this.#laneCount++;
    connection.lanes.add(lane);
    lane.open();
    if (this.#engineIds.has(engineId)) this.#deps.events.laneOpened(this, lane);
    else this.#early.add(lane);
    return true;
  }

  addWatch(call: WatchCall, connectionNumber: number): void {
    const connection = this.#connection(connectionNumber);
    connection.watches++;
    let isOpen = true;
    const closed = () => {
      if (!isOpen) return;
      isOpen = false;
      connection.watches--;
      this.#dropUnused(connection, connectionNumber);
      call.end();
    };
    call.on('data', () => {
      connection.heard(this.#deps.clock.now());
      call.write(beat);
    });
    for (const event of ['end', 'error', 'cancelled', 'close']) call.on(event, closed);
    call.write(beat);
  }

  /** False: nobody asked for that stream. */
  addOperation(call: OperationCall, streamId: number): boolean {
    const stream = this.#operations.get(streamId);
    stream?.attach(call);
    return stream !== undefined;
  }

  /** Boot id of the process at the other end, undefined when it does not answer in time. */
  askBootId(timeoutMs: number): Promise<string | undefined> {
    return this.#pings.askBootId(timeoutMs);
  }

  ping(): void {
    this.#pings.send();
  }

  /** Called several times a second. `stallMs`: how long this process itself was not there to listen. */
  check(now: number, stallMs: number): void {
    this.#heardAt += stallMs;
    let longestMs = now - this.#heardAt;
    for (const connection of this.#connections.values()) {
      const silentMs = connection.silentMs(now, stallMs);
      if (silentMs <= deadMs) longestMs = Math.max(longestMs, silentMs);
      else for (const lane of connection.lanes) lane.lose(silentFor(silentMs));
    }
    if (now - this.#heardAt > deadMs) {
      this.end(silentFor(now - this.#heardAt), 'closed');
      return;
    }
    if (longestMs > suspectMs === this.#isSuspect) return;
    this.#isSuspect = !this.#isSuspect;
    if (this.#isSuspect) this.#deps.events.suspected(this);
    else this.#deps.events.recovered(this);
  }

  /** Breaks the lanes, tells that the node left, and the node why. */
  end(reason: string, closing: ClosingReason): void {
    if (this.#hasEnded) return;
    this.#write({ type: 'closing', reason: closing, message: reason });
    this.#hasEnded = true;
    this.#deps.call.end();
    for (const connection of [...this.#connections.values()]) {
      for (const lane of [...connection.lanes]) lane.lose(reason);
    }
    const error = this.#lostError(reason);
    for (const operation of this.#operations.values()) operation.lose(error);
    this.#commands.rejectAll(error);
    this.#pings.giveUp();
    this.#deps.events.left(this, reason);
    this.#deps.ended(this);
  }

  #reported(report: NodeReport): void {
    this.#engineIds = toEngineIds(report);
    this.#deps.events.reported(this, report);
    for (const lane of this.#early) {
      if (!this.#engineIds.has(lane.engineId)) continue;
      this.#early.delete(lane);
      this.#deps.events.laneOpened(this, lane);
    }
  }

  #laneClosed(lane: GrpcLane, connection: LaneConnection, connectionNumber: number): void {
    this.#laneCount--;
    connection.lanes.delete(lane);
    this.#dropUnused(connection, connectionNumber);
    if (!this.#early.delete(lane)) this.#deps.events.laneClosed(this, lane);
  }

  #connection(connectionNumber: number): LaneConnection {
    const known = this.#connections.get(connectionNumber);
    if (known !== undefined) return known;
    const connection = new LaneConnection(this.#deps.clock.now());
    this.#connections.set(connectionNumber, connection);
    return connection;
  }

  #dropUnused(connection: LaneConnection, connectionNumber: number): void {
    if (connection.isUnused) this.#connections.delete(connectionNumber);
  }

  #write(frame: ControlDown): void {
    if (!this.#hasEnded) this.#deps.call.write(frame);
  }

  #lostError(reason: string) {
    return toLostError(this.identity.name, reason);
  }
}

function toEngineIds(report: NodeReport): ReadonlySet<string> {
  return new Set(report.engines.map(({ engineId }) => engineId));
}

function silentFor(ms: number): string {
  return `silent for ${(ms / 1000).toFixed(1)} s`;
}
