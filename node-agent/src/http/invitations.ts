import { randomBytes } from 'node:crypto';
import { isLoopbackHost } from '@waggle/shared/addresses/hosts.ts';
import { type Invitation, isInvitationProof } from '@waggle/shared/cluster/invitation.ts';
import type { JoinToken } from '@waggle/shared/cluster/join-token.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';

export interface InvitationDeps {
  /** Undefined: only this machine itself may invite. */
  readonly token: JoinToken | undefined;
  readonly clock: Clock;
  /** False: the node is in a cluster and wants no other. */
  readonly isWanted: () => boolean;
  /** `HOST:PORT` of the orchestrator that proved itself. */
  readonly invited: (orchestrator: string) => void;
}

export type InvitationAnswer =
  | { readonly status: 202 }
  | { readonly status: 400 | 403 | 409; readonly problem: string };

const nonceLifeMs = 30_000;
const mostNonces = 64;

/**
 * Invitations by an orchestrator that has this node in its configuration. Who invites must prove that it knows the join
 * token, over a number made here that is good once: otherwise anybody on the network could make this machine work for him.
 */
export class Invitations {
  readonly #deps: InvitationDeps;
  /** Nonce → when it was made; the oldest first. */
  readonly #nonces = new Map<string, number>();

  constructor(deps: InvitationDeps) {
    this.#deps = deps;
  }

  makeNonce(): string {
    const [oldest] = this.#nonces.keys();
    if (this.#nonces.size >= mostNonces && oldest !== undefined) this.#nonces.delete(oldest);
    const nonce = randomBytes(32).toString('hex');
    this.#nonces.set(nonce, this.#deps.clock.now());
    return nonce;
  }

  /** `peer` is the address the invitation came from. */
  accept(body: unknown, peer: string): InvitationAnswer {
    const invitation = toInvitation(body);
    if (invitation === undefined) {
      return { status: 400, problem: 'an invitation has orchestrator ("HOST:PORT" or ":PORT"), nonce and proof' };
    }
    const { token, clock, isWanted, invited } = this.#deps;
    const madeAt = this.#nonces.get(invitation.nonce);
    this.#nonces.delete(invitation.nonce);
    if (madeAt === undefined || clock.now() - madeAt > nonceLifeMs) {
      return { status: 403, problem: 'the nonce is not one of this node, or was used or is too old; ask for another' };
    }
    if (token === undefined && !isLoopbackHost(peer)) {
      return { status: 403, problem: 'this node was started without --token, so only its own machine may invite it' };
    }
    if (!isInvitationProof(invitation, token?.secret ?? '')) {
      return { status: 403, problem: 'the proof is wrong: the join tokens of the two sides differ' };
    }
    if (!isWanted()) return { status: 409, problem: 'this node is in a cluster already' };
    const { orchestrator } = invitation;
    invited(orchestrator.startsWith(':') ? `${peer.includes(':') ? `[${peer}]` : peer}${orchestrator}` : orchestrator);
    return { status: 202 };
  }
}

function toInvitation(body: unknown): Invitation | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { orchestrator, nonce, proof } = body as Record<string, unknown>;
  if (typeof orchestrator !== 'string' || typeof nonce !== 'string' || typeof proof !== 'string') return undefined;
  return /^[\w.:[\]-]{0,260}:\d{1,5}$/.test(orchestrator) ? { orchestrator, nonce, proof } : undefined;
}
