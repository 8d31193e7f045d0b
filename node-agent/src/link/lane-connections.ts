import type { Client, ClientDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { streamsPerConnection } from '@waggle/shared/wire/channel-options.ts';
import { beat, lanesOpen, lanesWatch } from '@waggle/shared/wire/services.ts';
import type { SessionClaim } from '@waggle/shared/wire/session-metadata.ts';
import { toMetadata } from '@waggle/shared/wire/session-metadata.ts';
import { dial, openStream } from './dial.ts';
import type { LaneCall, NodeLane } from './node-lane.ts';

interface Connection {
  readonly number: number;
  readonly client: Client;
  readonly watch: ClientDuplexStream<Buffer, Buffer>;
  readonly lanes: Set<NodeLane>;
  isBroken: boolean;
}

interface ConnectionsDeps {
  readonly target: string;
  readonly clock: Clock;
  readonly beatMs: number;
  /** Proves that a connection belongs to the session. */
  readonly claim: (connection: number) => SessionClaim;
}

/** Lanes that a connection carries beside its watch stream. */
const lanesPerConnection = streamsPerConnection - 1;

/** The connections that carry a session's lanes: as few as the lanes fit on. */
export class LaneConnections {
  readonly #deps: ConnectionsDeps;
  readonly #connections = new Set<Connection>();
  readonly #byLane = new Map<NodeLane, Connection>();
  #lastNumber = 0;
  #isBeating = false;

  constructor(deps: ConnectionsDeps) {
    this.#deps = deps;
  }

  /** Opens a lane's stream where there is room, on the fullest connection first. */
  open(engineId: string, toLane: (call: LaneCall) => NodeLane): NodeLane {
    const connection = this.#fullestWithRoom() ?? this.#connect();
    const metadata = toMetadata({ ...this.#deps.claim(connection.number), engineId });
    const lane = toLane(openStream(connection.client, lanesOpen, metadata));
    connection.lanes.add(lane);
    this.#byLane.set(lane, connection);
    return lane;
  }

  /** Forgets a lane whose stream is over; the last one closes its connection. */
  forget(lane: NodeLane): void {
    const connection = this.#byLane.get(lane);
    this.#byLane.delete(lane);
    connection?.lanes.delete(lane);
    if (connection?.lanes.size === 0) this.#disconnect(connection);
  }

  /** How many lanes share the connection of this one. */
  neighbours(lane: NodeLane): number {
    return this.#byLane.get(lane)?.lanes.size ?? 0;
  }

  close(): void {
    for (const connection of [...this.#connections]) this.#disconnect(connection);
  }

  #fullestWithRoom(): Connection | undefined {
    let fullest: Connection | undefined;
    for (const connection of this.#connections) {
      const lanes = connection.lanes.size;
      if (connection.isBroken || lanes >= lanesPerConnection) continue;
      if (fullest === undefined || lanes > fullest.lanes.size) fullest = connection;
    }
    return fullest;
  }

  #connect(): Connection {
    this.#lastNumber++;
    const client = dial(this.#deps.target);
    const watch = openStream(client, lanesWatch, toMetadata(this.#deps.claim(this.#lastNumber)));
    const connection = { number: this.#lastNumber, client, watch, lanes: new Set<NodeLane>(), isBroken: false };
    this.#connections.add(connection);
    const broke = () => {
      connection.isBroken = true;
    };
    watch.on('data', () => {}); // an unread call buffers without limit
    for (const event of ['end', 'error', 'close']) watch.on(event, broke);
    watch.write(beat);
    this.#beatSoon();
    return connection;
  }

  #disconnect(connection: Connection): void {
    this.#connections.delete(connection);
    connection.watch.end();
    connection.client.close();
  }

  #beatSoon(): void {
    if (this.#isBeating || this.#connections.size === 0) return;
    this.#isBeating = true;
    this.#deps.clock.schedule(this.#deps.beatMs, () => {
      this.#isBeating = false;
      for (const { watch, isBroken } of this.#connections) {
        if (!isBroken && !watch.writableNeedDrain) watch.write(beat);
      }
      this.#beatSoon();
    });
  }
}
