import { isIPv6, type Socket } from 'node:net';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { maxReportBytes } from '@waggle/shared/wire/control-frames.ts';

interface GateDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Connections that have not shown yet that they belong to the cluster. An agent makes two or three and has authenticated
 * each within a round trip or two: 300 agents of one address that come back at once are in within seconds, those above the
 * bound by trying again. 256 silent ones take less than 10 MB.
 */
const maxPerAddress = 64;
const maxInAll = 256;
/** Longer than the handshake takes that is cut off first; a peer that keeps its streams open does not stay for that. */
const authenticateMaxMs = 15_000;
/**
 * A registration and its report, the largest that comes with one, and some more. grpc would put a message of 4 MB together for each
 * of the many streams of a connection before anybody sees who sends it.
 */
const strangerMaxBytes = maxReportBytes + 256 * 1024;
/** Bytes are counted this often, so that a stranger may be a little above the bound. */
const countEveryMs = 100;
/** One line about refused connections comes no more often. */
const tellPauseMs = 10_000;

interface Stranger {
  readonly socket: Socket;
  readonly address: string;
  readonly stopWaiting: () => void;
}

/** Bounds the connections of strangers, and what each sends. What has authenticated is no longer counted. */
export class ConnectionGate {
  readonly #deps: GateDeps;
  /** By peer, as grpc names it. */
  readonly #strangers = new Map<string, Stranger>();
  readonly #perAddress = new Map<string, number>();
  #stopCounting: (() => void) | undefined;
  #refused = 0;
  #refusedLast = '';
  #isPausing = false;

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  /** Connections that have not authenticated. */
  get strangers(): number {
    return this.#strangers.size;
  }

  /** False: there are too many already, and it was closed. */
  admit(socket: Socket): boolean {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined) return false; // it is gone already
    const peer = `${remoteAddress}:${remotePort}`;
    const address = toPeerNetwork(remoteAddress);
    const count = this.#perAddress.get(address) ?? 0;
    if (this.#strangers.size >= maxInAll || count >= maxPerAddress) {
      socket.destroy();
      this.#tellRefused(remoteAddress);
      return false;
    }
    this.#forget(peer); // the same peer at another address of ours
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    const stopWaiting = this.#deps.clock.schedule(authenticateMaxMs, () => socket.destroy());
    this.#strangers.set(peer, { socket, address, stopWaiting });
    this.#countBytes();
    socket.once('close', () => this.#forget(peer));
    return true;
  }

  authenticated(peer: string): void {
    this.#forget(peer);
  }

  #forget(peer: string): void {
    const stranger = this.#strangers.get(peer);
    if (stranger === undefined) return;
    this.#strangers.delete(peer);
    stranger.stopWaiting();
    if (this.#strangers.size === 0) this.#stopCounting?.();
    const count = (this.#perAddress.get(stranger.address) ?? 1) - 1;
    if (count > 0) this.#perAddress.set(stranger.address, count);
    else this.#perAddress.delete(stranger.address);
  }

  #countBytes(): void {
    if (this.#stopCounting !== undefined) return;
    const stop = this.#deps.clock.schedule(countEveryMs, () => {
      this.#stopCounting = undefined;
      for (const { socket } of [...this.#strangers.values()]) if (socket.bytesRead > strangerMaxBytes) socket.destroy();
      if (this.#strangers.size > 0) this.#countBytes();
    });
    this.#stopCounting = () => {
      this.#stopCounting = undefined;
      stop();
    };
  }

  /** At once for the first, then a sum. */
  #tellRefused(address: string): void {
    this.#refused++;
    this.#refusedLast = address;
    if (!this.#isPausing) this.#tell();
  }

  #tell(): void {
    const facts = { refused: this.#refused, address: this.#refusedLast, unauthenticated: this.#strangers.size };
    this.#refused = 0;
    this.#isPausing = true;
    this.#deps.logger.warn('grpc-connections-refused', facts);
    this.#deps.clock.schedule(tellPauseMs, () => {
      this.#isPausing = false;
      if (this.#refused > 0) this.#tell();
    });
  }
}

/** Who has one address of IPv6 has a network of 2^64 of them. */
export function toPeerNetwork(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const [before, after] = [head, tail].map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - (before?.length ?? 0) - (after?.length ?? 0) }, () => '0');
  return [...(before ?? []), ...zeros, ...(after ?? [])].slice(0, 4).join(':');
}
