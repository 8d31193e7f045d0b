import type { Client, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { NodeReport } from '@waggle/shared/cluster/node.ts';
import {
  type HandshakeFacts,
  isProof,
  makeNonce,
  makeProof,
  makeSessionKey,
  makeStreamMac,
} from '@waggle/shared/lane-link/handshake.ts';
import type { Refusal } from '@waggle/shared/lane-link/lane-link.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { ControlDown, ControlUp } from '@waggle/shared/wire/control-frames.ts';
import { formatVersion, isCompatible, protocolVersion } from '@waggle/shared/wire/protocol-version.ts';
import { isSmallReport } from '@waggle/shared/wire/report-parts.ts';
import { membershipJoin } from '@waggle/shared/wire/services.ts';
import type { SessionClaim } from '@waggle/shared/wire/session-metadata.ts';
import { Backoff } from './backoff.ts';
import { dial, openStream } from './dial.ts';
import { LanePool } from './lane-pool.ts';
import { LogSender } from './log-sender.ts';
import { NodeCommands } from './node-commands.ts';
import type { LinkStatus, NodeLinkOptions } from './node-link.ts';
import { NodeOperations } from './node-operations.ts';
import { ReportSender } from './report-sender.ts';

type Hello = Extract<ControlDown, { type: 'hello' }>;
type Welcome = Extract<ControlDown, { type: 'welcome' }>;

/** How a session came to its end. */
export type SessionEnd =
  | { readonly type: 'refused'; readonly refusal: Refusal }
  | { readonly type: 'lost'; readonly message: string }
  | { readonly type: 'left' };

interface SessionEvents {
  joined(status: Extract<LinkStatus, { state: 'joined' }>): void;
  /** Once, last. */
  ended(end: SessionEnd): void;
}

/** Until the orchestrator has answered a step of the handshake; connecting is part of the first. */
const answerMaxMs = 10_000;
/** After `leave`, until the orchestrator closes. */
const leaveMaxMs = 1_000;
const defaultHeartbeatMs = 500;

/** What exists once the node is in the cluster. */
interface Membership {
  readonly pool: LanePool;
  readonly operations: NodeOperations;
  readonly reports: ReportSender;
  readonly logs: LogSender | undefined;
  readonly unsubscribe: readonly (() => void)[];
}

/** One try to be in the cluster, from the first connection to the loss of it. */
export class Session {
  readonly #host: NodeHost;
  readonly #options: NodeLinkOptions;
  readonly #events: SessionEvents;
  readonly #client: Client;
  readonly #call: ClientDuplexStream<ControlUp, ControlDown>;
  readonly #commands: NodeCommands;
  readonly #nonce = makeNonce();
  #facts: HandshakeFacts | undefined;
  #hello: Hello | undefined;
  #membership: Membership | undefined;
  #stopWaiting: () => void;
  #closingMessage: string | undefined;
  #isDraining = false;
  #hasLeft = false;
  #hasEnded = false;

  constructor(host: NodeHost, options: NodeLinkOptions, events: SessionEvents) {
    this.#host = host;
    this.#options = options;
    this.#events = events;
    this.#commands = new NodeCommands(host, (frame) => this.#writeAfterReport(frame));
    this.#stopWaiting = this.#waitForAnswer();
    this.#client = dial(options.orchestrator);
    this.#call = openStream(this.#client, membershipJoin);
    this.#call.on('data', (frame: ControlDown) => this.#onFrame(frame));
    this.#call.on('drain', () => this.#drained());
    this.#call.on('error', (error: ServiceError) => this.#lost(this.#closingMessage ?? error.details ?? error.message));
    this.#call.on('end', () => this.#lost(this.#closingMessage ?? 'the orchestrator closed the connection'));
  }

  /** No idle lanes from now on; leaves when the last job and operation is over. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    if (this.#membership === undefined) {
      this.#end({ type: 'left' });
      return;
    }
    this.#membership.reports.drain();
    this.#membership.pool.drain();
    this.#leaveIfIdle();
  }

  /** At once; running jobs are cancelled. */
  close(): void {
    this.#end({ type: 'left' });
  }

  #onFrame(frame: ControlDown): void {
    if (this.#hasEnded) return;
    switch (frame.type) {
      case 'hello':
        this.#register(frame);
        break;
      case 'welcome':
        this.#join(frame);
        break;
      case 'refused':
        this.#refuse({ reason: toRefusalReason(frame.reason), message: frame.message });
        break;
      case 'ping':
        this.#writeAfterReport({ type: 'pong', id: frame.id, bootId: this.#host.identity.bootId });
        break;
      case 'command':
        void this.#commands.run(frame);
        break;
      case 'cancel-command':
        this.#commands.cancel(frame.commandId);
        break;
      case 'open-operation':
        this.#membership?.operations.open(frame.streamId);
        break;
      case 'closing':
        this.#closingMessage = frame.message;
        break;
      case 'unknown':
        break;
    }
  }

  #register(hello: Hello): void {
    if (this.#facts !== undefined) return;
    if (!isCompatible(hello.protocol)) {
      const [own, theirs] = [formatVersion(protocolVersion), formatVersion(hello.protocol)];
      const message = `the node speaks protocol ${own}, the orchestrator ${theirs}; bring both to one version of Waggle`;
      this.#refuse({ reason: 'incompatible', message });
      return;
    }
    const { identity } = this.#host;
    const { nodeId, bootId } = identity;
    const facts = {
      orchestratorNonce: hello.nonce,
      agentNonce: this.#nonce,
      clusterId: hello.clusterId,
      nodeId,
      bootId,
    };
    this.#facts = facts;
    this.#hello = hello;
    this.#stopWaiting();
    this.#stopWaiting = this.#waitForAnswer();
    const report = this.#host.reports.current();
    const isSmall = isSmallReport(report);
    const proof = makeProof(this.#secret, 'agent', facts);
    this.#write({
      type: 'register',
      protocol: protocolVersion,
      identity,
      nonce: this.#nonce,
      proof,
      report: isSmall ? report : withoutModels(report),
    });
  }

  #join(welcome: Welcome): void {
    const { clock } = this.#options;
    const [facts, hello] = [this.#facts, this.#hello];
    if (facts === undefined || hello === undefined || this.#membership !== undefined) return;
    if (!isProof(welcome.proof, this.#secret, 'orchestrator', facts)) {
      const message = `${this.#options.orchestrator} let the node in but does not know the join token: it is not the orchestrator of this cluster`;
      this.#refuse({ reason: 'bad-token', message });
      return;
    }
    this.#stopWaiting();
    const { sessionId, epoch } = welcome;
    const key = makeSessionKey(this.#secret, sessionId, facts);
    const claim = (connection: number): SessionClaim => ({
      sessionId,
      connection,
      mac: makeStreamMac(key, sessionId, connection),
    });
    const heartbeatMs = welcome.heartbeatMs > 0 ? welcome.heartbeatMs : defaultHeartbeatMs;
    const changed = () => this.#leaveIfIdle();
    const target = this.#options.orchestrator;
    const pool = new LanePool({
      host: this.#host,
      target,
      clock,
      beatMs: heartbeatMs,
      lanesPerNode: welcome.lanesPerNode,
      claim,
      backoff: new Backoff(this.#options.random ?? Math.random),
      changed,
    });
    const reports = new ReportSender({ reports: this.#host.reports, clock, write: (frame) => this.#write(frame) });
    const logs = this.#sendLogs();
    const operations = new NodeOperations({ host: this.#host, target, claim, changed, clock });
    const unsubscribe = [
      this.#host.reports.subscribe((report) => pool.setEngines(toEngineIds(report))),
      this.#host.slots.subscribe(() => pool.fitSoon()),
    ];
    this.#membership = { pool, reports, logs, operations, unsubscribe };
    this.#events.joined({ state: 'joined', epoch, clusterId: hello.clusterId, orchestratorVersion: hello.version });
    if (this.#hasEnded) return;
    reports.send(); // it may have changed since the registration
    pool.setEngines(toEngineIds(this.#host.reports.current()));
    this.#beat(heartbeatMs);
  }

  #sendLogs(): LogSender | undefined {
    const { logs, clock } = this.#options;
    if (logs === undefined) return undefined;
    return new LogSender({
      logs,
      clock,
      isFull: () => this.#call.writableNeedDrain,
      sendReport: () => this.#membership?.reports.flush(),
      write: (batch) => this.#write({ type: 'log-batch', ...batch }),
    });
  }

  #drained(): void {
    this.#membership?.reports.drained();
    this.#membership?.logs?.drained();
  }

  #beat(heartbeatMs: number): void {
    this.#options.clock.schedule(heartbeatMs, () => {
      if (this.#hasEnded) return;
      if (!this.#call.writableNeedDrain) this.#write({ type: 'heartbeat' });
      this.#beat(heartbeatMs);
    });
  }

  #leaveIfIdle(): void {
    const membership = this.#membership;
    if (!this.#isDraining || this.#hasEnded || this.#hasLeft || membership === undefined) return;
    if (membership.pool.count > 0 || membership.operations.count > 0) return;
    this.#hasLeft = true;
    membership.logs?.flush();
    this.#write({ type: 'leave', reason: 'it drained' });
    this.#stopWaiting = this.#options.clock.schedule(leaveMaxMs, () => this.#end({ type: 'left' }));
  }

  get #secret(): string {
    return this.#options.token?.secret ?? '';
  }

  #waitForAnswer(): () => void {
    return this.#options.clock.schedule(answerMaxMs, () => this.#lost(`no answer within ${answerMaxMs / 1000} s`));
  }

  #write(frame: ControlUp): boolean {
    return this.#hasEnded || this.#call.write(frame);
  }

  /** What a command changed, and what changed before a pong, is known to the orchestrator when it reads the frame. */
  #writeAfterReport(frame: ControlUp): void {
    this.#membership?.reports.flush();
    this.#write(frame);
  }

  #refuse(refusal: Refusal): void {
    this.#end({ type: 'refused', refusal });
  }

  #lost(message: string): void {
    this.#end(this.#hasLeft ? { type: 'left' } : { type: 'lost', message });
  }

  #end(end: SessionEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stopWaiting();
    if (this.#membership !== undefined) {
      const { pool, reports, logs, operations, unsubscribe } = this.#membership;
      for (const stop of unsubscribe) stop();
      reports.close();
      logs?.close();
      operations.close();
      pool.close();
    }
    this.#commands.close();
    this.#call.cancel();
    this.#client.close();
    this.#events.ended(end);
  }
}

const refusalReasons: readonly Refusal['reason'][] = [
  'same-name',
  'cloned',
  'bad-token',
  'incompatible',
  'shutting-down',
];

/** A reason of a later version: nothing this one could do about it. */
function toRefusalReason(reason: string): Refusal['reason'] {
  return refusalReasons.find((known) => known === reason) ?? 'incompatible';
}

function toEngineIds(report: NodeReport): readonly string[] {
  return report.engines.map(({ engineId }) => engineId);
}

function withoutModels(report: NodeReport): NodeReport {
  return { ...report, engines: report.engines.map((engine) => ({ ...engine, models: [] })) };
}
