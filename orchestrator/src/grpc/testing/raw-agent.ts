import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import type { NodeIdentity } from '@waggle/shared/cluster/node.ts';
import { makeNonce, makeProof, makeSessionKey, makeStreamMac } from '@waggle/shared/lane-link/handshake.ts';
import { ScriptedHost } from '@waggle/shared/lane-link/testing/scripted-host.ts';
import { Waiting } from '@waggle/shared/lane-link/testing/waiting.ts';
import { clientChannelOptions } from '@waggle/shared/wire/channel-options.ts';
import type { ControlDown, ControlUp } from '@waggle/shared/wire/control-frames.ts';
import type { LaneDownFrame } from '@waggle/shared/wire/lane-frames.ts';
import { protocolVersion } from '@waggle/shared/wire/protocol-version.ts';
import { lanesOpen, lanesWatch, membershipJoin } from '@waggle/shared/wire/services.ts';
import { toMetadata } from '@waggle/shared/wire/session-metadata.ts';

type Register = Extract<ControlUp, { type: 'register' }>;

/** An agent that says exactly what the test says, and answers nothing by itself. */
export class RawAgent {
  readonly host: ScriptedHost;
  readonly frames = new Waiting<ControlDown>();
  readonly nonce = makeNonce();
  /** What was said to register, last. */
  registration: Register | undefined;
  isOver = false;
  readonly #client: Client;
  readonly #control: ClientDuplexStream<ControlUp, ControlDown>;
  readonly #secret: string;
  #key: Buffer | undefined;
  #sessionId = '';

  constructor(port: number, options: { readonly secret?: string; readonly identity?: Partial<NodeIdentity> } = {}) {
    this.#secret = options.secret ?? '';
    this.host = new ScriptedHost({ e1: 2 }, options.identity);
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), clientChannelOptions);
    const { path, requestSerialize, responseDeserialize } = membershipJoin;
    this.#control = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#control.on('data', (frame: ControlDown) => this.frames.push(frame));
    for (const event of ['error', 'end']) {
      this.#control.on(event, () => {
        this.isOver = true;
      });
    }
  }

  say(frame: ControlUp): void {
    this.#control.write(frame);
  }

  /** Answers the hello; resolves with the frame that follows. `changes` are made to the registration after it was proved. */
  async register(changes: Partial<Register> = {}): Promise<ControlDown> {
    const hello = await this.frames.next();
    if (hello.type !== 'hello') throw new Error(`${hello.type} instead of hello`);
    const { identity, reports } = this.host;
    const facts = {
      orchestratorNonce: hello.nonce,
      agentNonce: this.nonce,
      clusterId: hello.clusterId,
      nodeId: identity.nodeId,
      bootId: identity.bootId,
    };
    const proof = makeProof(this.#secret, 'agent', facts);
    const report = reports.current();
    const { nonce } = this;
    this.registration = { type: 'register', protocol: protocolVersion, identity, nonce, proof, report, ...changes };
    this.say(this.registration);
    const answer = await this.frames.next();
    if (answer.type === 'welcome') {
      this.#sessionId = answer.sessionId;
      this.#key = makeSessionKey(this.#secret, answer.sessionId, facts);
    }
    return answer;
  }

  /** Opens a lane, or a watch where no engine is named. */
  open(engineId: string | undefined, connection = 1, mac?: string): RawLane {
    const key = this.#key ?? Buffer.alloc(0);
    const claim = {
      sessionId: this.#sessionId,
      connection,
      mac: mac ?? makeStreamMac(key, this.#sessionId, connection),
      ...(engineId === undefined ? {} : { engineId }),
    };
    const metadata = toMetadata(claim);
    const { path } = engineId === undefined ? lanesWatch : lanesOpen;
    const deserialize = engineId === undefined ? () => undefined : lanesOpen.responseDeserialize;
    return new RawLane(this.#client.makeBidiStreamRequest(path, lanesOpen.requestSerialize, deserialize, metadata));
  }

  close(): void {
    this.#control.cancel();
    this.#client.close();
  }
}

export class RawLane {
  readonly frames = new Waiting<LaneDownFrame>();
  /** Why the orchestrator ended it; empty while it has not, or ended it in peace. */
  error = '';
  isOver = false;
  readonly #call: ClientDuplexStream<Buffer, LaneDownFrame | undefined>;

  constructor(call: ClientDuplexStream<Buffer, LaneDownFrame | undefined>) {
    this.#call = call;
    call.on('data', (frame: LaneDownFrame) => this.frames.push(frame));
    call.on('error', (error) => {
      this.error = error.message;
      this.isOver = true;
    });
    call.on('end', () => {
      this.isOver = true;
    });
  }

  say(frame: Buffer): void {
    this.#call.write(frame);
  }
}
