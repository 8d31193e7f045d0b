import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { type HandshakeFacts, isProof, makeNonce, makeProof } from '@waggle/shared/lane-link/handshake.ts';
import { Waiting } from '@waggle/shared/lane-link/testing/waiting.ts';
import type { ControlDown, ControlUp } from '@waggle/shared/wire/control-frames.ts';
import type { LaneUpFrame } from '@waggle/shared/wire/lane-frames.ts';
import { type ProtocolVersion, protocolVersion } from '@waggle/shared/wire/protocol-version.ts';
import { lanesOpen, lanesWatch, membershipJoin } from '@waggle/shared/wire/services.ts';

type ControlCall = ServerDuplexStream<ControlUp, ControlDown>;
type LaneCall = ServerDuplexStream<LaneUpFrame, Buffer>;

/** An orchestrator that says exactly what the test says. */
export class FakeOrchestrator {
  readonly controls = new Waiting<FakeControl>();
  readonly lanes = new Waiting<FakeLaneEnd>();
  readonly #server = new Server();
  #port = 0;

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    this.#server.addService(
      { join: membershipJoin },
      { join: (call: ControlCall) => this.controls.push(new FakeControl(call)) },
    );
    this.#server.addService(
      { open: lanesOpen, watch: lanesWatch },
      {
        open: (call: LaneCall) => this.lanes.push(new FakeLaneEnd(call)),
        watch: (call: ServerDuplexStream<Buffer, Buffer>) => call.resume(),
      },
    );
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

/** The orchestrator's end of a control stream. */
export class FakeControl {
  readonly frames = new Waiting<ControlUp>();
  readonly nonce = makeNonce();
  isOver = false;
  readonly #call: ControlCall;

  constructor(call: ControlCall) {
    this.#call = call;
    call.on('data', (frame: ControlUp) => this.frames.push(frame));
    for (const event of ['end', 'cancelled', 'close']) {
      call.on(event, () => {
        this.isOver = true;
      });
    }
  }

  say(frame: ControlDown): void {
    this.#call.write(frame);
  }

  end(): void {
    this.#call.end();
  }

  hello(protocol: ProtocolVersion = protocolVersion): void {
    this.say({ type: 'hello', protocol, clusterId: 'c1', version: '9', nonce: this.nonce });
  }

  /** The next frame of this type; others before it are dropped. */
  async next<Type extends ControlUp['type']>(type: Type): Promise<Extract<ControlUp, { type: Type }>> {
    for (;;) {
      const frame = await this.frames.next();
      if (frame.type === type) return frame as Extract<ControlUp, { type: Type }>;
    }
  }

  /** Takes the registration and lets the node in; whether the node had proved that it knows `secret`. */
  async welcome(secret = '', ownSecret = secret): Promise<boolean> {
    const { identity, nonce, proof } = await this.next('register');
    const facts: HandshakeFacts = {
      orchestratorNonce: this.nonce,
      agentNonce: nonce,
      clusterId: 'c1',
      nodeId: identity.nodeId,
      bootId: identity.bootId,
    };
    this.say({
      type: 'welcome',
      epoch: 7,
      proof: makeProof(ownSecret, 'orchestrator', facts),
      sessionId: 's1',
      lanesPerNode: 64,
      heartbeatMs: 500,
    });
    return isProof(proof, secret, 'agent', facts);
  }
}

/** The orchestrator's end of a lane. */
export class FakeLaneEnd {
  readonly frames = new Waiting<LaneUpFrame>();
  readonly #call: LaneCall;

  constructor(call: LaneCall) {
    this.#call = call;
    call.on('data', (frame: LaneUpFrame) => this.frames.push(frame));
  }

  say(frame: Buffer): void {
    this.#call.write(frame);
  }

  end(): void {
    this.#call.end();
  }
}
