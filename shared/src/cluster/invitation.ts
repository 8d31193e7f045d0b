import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * How an orchestrator that has an agent in its configuration asks it to join: `GET /invitation` at the agent's HTTP port
 * answers `{ "nonce": … }`, this is then the JSON body of `POST /invitation`.
 */
export interface Invitation {
  /** `HOST:PORT` of the orchestrator's port for agents; `:PORT` means the address the invitation comes from. */
  readonly orchestrator: string;
  /** The agent's; good once, for half a minute. */
  readonly nonce: string;
  /** In hex. */
  readonly proof: string;
}

/** `secret` is the join token's; empty where the cluster has none. */
export function makeInvitation(orchestrator: string, nonce: string, secret: string): Invitation {
  return { orchestrator, nonce, proof: toProof(orchestrator, nonce, secret).toString('hex') };
}

export function isInvitationProof({ orchestrator, nonce, proof }: Invitation, secret: string): boolean {
  const given = Buffer.from(proof, 'hex');
  const expected = toProof(orchestrator, nonce, secret);
  return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
}

function toProof(orchestrator: string, nonce: string, secret: string): Buffer {
  return createHmac('sha256', secret)
    .update(JSON.stringify(['waggle-invitation', orchestrator, nonce]))
    .digest();
}
