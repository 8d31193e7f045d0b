import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/*
 * How two ends prove to each other that they know the secret of the join token, without sending it: an HMAC over fresh
 * random bytes of both. Who knows no token uses the empty secret, and so proves nothing but that he needs none.
 */

const nonceBytes = 32;

export function makeNonce(): Buffer {
  return randomBytes(nonceBytes);
}

/** What a proof is bound to: both ends' nonces, and who the node says it is. */
export interface HandshakeFacts {
  readonly orchestratorNonce: Uint8Array;
  readonly agentNonce: Uint8Array;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly bootId: string;
}

/** `agent` when the node proves itself, `orchestrator` when it is proved to the node. */
export function makeProof(secret: string, prover: 'agent' | 'orchestrator', facts: HandshakeFacts): Buffer {
  return hmac(secret, [`waggle-${prover}`, ...toTexts(facts)]);
}

export function isProof(
  proof: Uint8Array,
  secret: string,
  prover: 'agent' | 'orchestrator',
  facts: HandshakeFacts,
): boolean {
  const isFresh = facts.orchestratorNonce.byteLength >= nonceBytes && facts.agentNonce.byteLength >= nonceBytes;
  return isFresh && isEqual(proof, makeProof(secret, prover, facts));
}

/** Known to the two ends of one handshake only; proves the streams of its session. */
export function makeSessionKey(secret: string, sessionId: string, facts: HandshakeFacts): Buffer {
  return hmac(secret, ['waggle-session', sessionId, ...toTexts(facts)]);
}

/** In hex. */
export function makeStreamMac(sessionKey: Uint8Array, sessionId: string, connection: number): string {
  return hmac(sessionKey, ['waggle-stream', sessionId, String(connection)]).toString('hex');
}

export function isStreamMac(mac: string, sessionKey: Uint8Array, sessionId: string, connection: number): boolean {
  return isEqual(Buffer.from(mac, 'hex'), Buffer.from(makeStreamMac(sessionKey, sessionId, connection), 'hex'));
}

function toTexts(facts: HandshakeFacts): readonly string[] {
  const { orchestratorNonce, agentNonce, clusterId, nodeId, bootId } = facts;
  return [toHex(orchestratorNonce), toHex(agentNonce), clusterId, nodeId, bootId];
}

/** As JSON, so that no two lists of texts give the same bytes. */
function hmac(key: string | Uint8Array, texts: readonly string[]): Buffer {
  return createHmac('sha256', key).update(JSON.stringify(texts)).digest();
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}
