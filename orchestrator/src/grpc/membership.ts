import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import {
  type HandshakeFacts,
  isProof,
  makeNonce,
  makeProof,
  makeSessionKey,
} from '@waggle/shared/lane-link/handshake.ts';
import { LaneIds } from '@waggle/shared/lane-link/lane-ids.ts';
import type { LinkEvents, Refusal } from '@waggle/shared/lane-link/lane-link.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { ControlUp } from '@waggle/shared/wire/control-frames.ts';
import { formatVersion, isCompatible, protocolVersion } from '@waggle/shared/wire/protocol-version.ts';
import { type ControlCall, GrpcLink } from './grpc-link.ts';
import { NodeLogs } from './node-logs.ts';
import { isLoopbackPeer } from './peer-address.ts';

type Registration = Extract<ControlUp, { type: 'register' }>;

interface MembershipDeps {
  /** Undefined: there is no join token, and only agents of this machine may join. */
  readonly secret: string | undefined;
  readonly clusterId: string;
  readonly version: string;
  readonly lanesPerNode: number;
  readonly nameOf?: ((nodeId: string) => string | undefined) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: LinkEvents;
  /** The peer of a connection has proved that it belongs to the cluster. */
  readonly authenticated: (peer: string) => void;
}

const registerMaxMs = 10_000;
/** A living process answers a ping of another's registration well within this. */
const cloneCheckMs = 1_000;
const heartbeatMs = 500;
const sweepMs = 100;
const pingMs = 1_000;

/** Lets nodes in, and holds their sessions. Invariant: at most one link per node id. */
export class Membership {
  readonly #deps: MembershipDeps;
  readonly #laneIds = new LaneIds();
  readonly #logs: NodeLogs;
  readonly #sessions = new Map<string, GrpcLink>();
  readonly #byNode = new Map<string, GrpcLink>();
  #epoch = 0;
  #isClosed = false;
  #isSweeping = false;
  #sweptAt = 0;
  #pingedAt = 0;

  constructor(deps: MembershipDeps) {
    this.#deps = deps;
    this.#logs = new NodeLogs(deps);
  }

  session(sessionId: string): GrpcLink | undefined {
    return this.#sessions.get(sessionId);
  }

  /** A new control stream: says hello, and waits for the registration. */
  accept(call: ControlCall): void {
    const { clock, clusterId, version } = this.#deps;
    const nonce = makeNonce();
    let link: GrpcLink | undefined;
    let hasRegistered = false;
    let isOpen = true;
    const stopWaiting = clock.schedule(registerMaxMs, () => {
      call.emit('error', { code: status.DEADLINE_EXCEEDED, details: 'no registration came' });
    });
    const closed = (reason: string) => {
      isOpen = false;
      stopWaiting();
      link?.end(reason, 'closed');
    };
    call.on('end', () => {
      closed('it closed its connection');
      call.end();
    });
    for (const event of ['error', 'cancelled', 'close']) call.on(event, () => closed('its connection broke'));
    call.on('data', (frame: ControlUp) => {
      if (link !== undefined) {
        link.onFrame(frame);
      } else if (frame.type === 'register' && !hasRegistered) {
        hasRegistered = true;
        stopWaiting();
        call.pause(); // what follows the registration belongs to the link
        void this.#register(call, frame, nonce, () => isOpen).then((joined) => {
          link = joined;
          call.resume();
        });
      }
    });
    call.write({ type: 'hello', protocol: protocolVersion, clusterId, version, nonce });
  }

  /** Ends every link, and refuses who comes later. */
  close(): void {
    this.#isClosed = true;
    for (const link of [...this.#sessions.values()]) link.end('the orchestrator is shutting down', 'shutting-down');
  }

  async #register(
    call: ControlCall,
    frame: Registration,
    nonce: Buffer,
    isOpen: () => boolean,
  ): Promise<GrpcLink | undefined> {
    const address = call.getPeer();
    const { nodeId, bootId } = frame.identity;
    const facts = {
      orchestratorNonce: nonce,
      agentNonce: frame.nonce,
      clusterId: this.#deps.clusterId,
      nodeId,
      bootId,
    };
    const refusal = this.#judge(frame, facts, address) ?? (await this.#findClone(frame, address));
    if (!isOpen()) return undefined;
    if (refusal !== undefined) return this.#refuse(call, frame, refusal);
    return this.#join(call, frame, facts, address);
  }

  #judge(frame: Registration, facts: HandshakeFacts, address: string): Refusal | undefined {
    const { secret } = this.#deps;
    if (this.#isClosed) return { reason: 'shutting-down', message: 'the orchestrator is shutting down' };
    if (!isCompatible(frame.protocol)) {
      const [own, theirs] = [formatVersion(protocolVersion), formatVersion(frame.protocol)];
      return {
        reason: 'incompatible',
        message: `the orchestrator speaks protocol ${own}, the node ${theirs}; bring both to one version of Waggle`,
      };
    }
    if (secret === undefined && !isLoopbackPeer(address)) {
      return {
        reason: 'bad-token',
        message:
          'the cluster has no join token, so only agents of its own machine may join; start the orchestrator with --lan, which makes one and prints the command for this machine',
      };
    }
    if (isProof(frame.proof, secret ?? '', 'agent', facts)) return undefined;
    if (secret === undefined)
      return { reason: 'bad-token', message: 'the cluster has no join token: start the agent without one' };
    const isWithout = isProof(frame.proof, '', 'agent', facts);
    const what = isWithout
      ? 'the cluster wants a join token, and this agent has none; start it with --token TOKEN'
      : 'the join token of this agent is not the one of the cluster; give it the right one with --token TOKEN';
    return { reason: 'bad-token', message: `${what} (the orchestrator prints the whole command when it starts)` };
  }

  /** The same node id from another process: a restart when the old one is silent, a cloned disk when it answers. */
  async #findClone(frame: Registration, address: string): Promise<Refusal | undefined> {
    const { nodeId, bootId, name } = frame.identity;
    const old = this.#byNode.get(nodeId);
    if (old === undefined || old.identity.bootId === bootId) return undefined;
    const answered = await old.askBootId(cloneCheckMs);
    if (answered === undefined || answered === bootId || old.hasEnded) return undefined;
    return {
      reason: 'cloned',
      message: `node ${name} at ${address} has the identity of node ${old.identity.name} at ${old.address}, which is running; give one of them a data folder of its own (--data)`,
    };
  }

  #refuse(call: ControlCall, frame: Registration, refusal: Refusal): undefined {
    const { name, nodeId } = frame.identity;
    this.#deps.logger.warn('node-refused', { node: name, nodeId, address: call.getPeer(), ...refusal });
    call.write({ type: 'refused', ...refusal });
    call.end();
  }

  #join(call: ControlCall, frame: Registration, facts: HandshakeFacts, address: string): GrpcLink | undefined {
    const { clock, events, lanesPerNode, secret } = this.#deps;
    const { identity, report } = frame;
    const sessionId = randomUUID();
    const sessionKey = makeSessionKey(secret ?? '', sessionId, facts);
    this.#epoch++;
    const epoch = this.#epoch;
    const ended = (link: GrpcLink) => this.#forget(link);
    this.#byNode.get(identity.nodeId)?.end('replaced by a newer connection', 'superseded');
    const link = new GrpcLink(
      {
        identity,
        epoch,
        address,
        sessionId,
        sessionKey,
        lanesPerNode,
        call,
        events,
        logs: this.#logs,
        clock,
        laneIds: this.#laneIds,
        ended,
      },
      report,
    );
    const refusal = events.joined(link, report);
    if (refusal !== undefined) return this.#refuse(call, frame, refusal);
    this.#deps.authenticated(address);
    this.#sessions.set(sessionId, link);
    this.#byNode.set(identity.nodeId, link);
    const proof = makeProof(secret ?? '', 'orchestrator', facts);
    call.write({ type: 'welcome', epoch, proof, sessionId, lanesPerNode, heartbeatMs });
    link.ping();
    this.#sweepSoon();
    return link;
  }

  #forget(link: GrpcLink): void {
    this.#sessions.delete(link.sessionId);
    if (this.#byNode.get(link.identity.nodeId) === link) this.#byNode.delete(link.identity.nodeId);
  }

  #sweepSoon(): void {
    if (this.#isSweeping || this.#sessions.size === 0) return;
    this.#isSweeping = true;
    this.#sweptAt = this.#deps.clock.now();
    this.#deps.clock.schedule(sweepMs, this.#sweep);
  }

  /** Looks for silent nodes. A sweep that comes late means that this process was not there to listen. */
  readonly #sweep = (): void => {
    const now = this.#deps.clock.now();
    const lateMs = now - this.#sweptAt - sweepMs;
    const stallMs = lateMs > sweepMs ? lateMs : 0;
    const links = [...this.#sessions.values()];
    for (const link of links) link.check(now, stallMs);
    if (now - this.#pingedAt >= pingMs) {
      this.#pingedAt = now;
      for (const link of links) link.ping();
    }
    this.#isSweeping = false;
    this.#sweepSoon();
  };
}
