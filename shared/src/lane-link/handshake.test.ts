import { expect, test } from 'vitest';
import { isProof, isStreamMac, makeNonce, makeProof, makeSessionKey, makeStreamMac } from './handshake.ts';

const facts = { orchestratorNonce: makeNonce(), agentNonce: makeNonce(), clusterId: 'c', nodeId: 'n', bootId: 'b' };
const secret = 'a secret of some length';

test('a proof holds for its secret, its side and its facts only', () => {
  const proof = makeProof(secret, 'agent', facts);
  expect(isProof(proof, secret, 'agent', facts)).toBe(true);
  expect(isProof(proof, `${secret}x`, 'agent', facts)).toBe(false);
  expect(isProof(proof, '', 'agent', facts)).toBe(false);
  expect(isProof(proof, secret, 'orchestrator', facts)).toBe(false);
  for (const change of [
    { nodeId: 'm' },
    { bootId: 'x' },
    { clusterId: 'd' },
    { agentNonce: makeNonce() },
    { orchestratorNonce: makeNonce() },
  ]) {
    expect(isProof(proof, secret, 'agent', { ...facts, ...change })).toBe(false);
  }
  expect(isProof(Buffer.alloc(0), secret, 'agent', facts)).toBe(false);
});

test('texts that join to the same text are different facts', () => {
  const proof = makeProof(secret, 'agent', { ...facts, nodeId: 'ab', bootId: 'c' });
  expect(isProof(proof, secret, 'agent', { ...facts, nodeId: 'a', bootId: 'bc' })).toBe(false);
});

test('a nonce that is no nonce proves nothing', () => {
  const short = { ...facts, agentNonce: Buffer.alloc(8) };
  expect(isProof(makeProof(secret, 'agent', short), secret, 'agent', short)).toBe(false);
});

test('streams are proved per session and connection', () => {
  const key = makeSessionKey(secret, 's1', facts);
  const mac = makeStreamMac(key, 's1', 1);
  expect(isStreamMac(mac, key, 's1', 1)).toBe(true);
  expect(isStreamMac(mac, key, 's1', 2)).toBe(false);
  expect(isStreamMac(mac, key, 's2', 1)).toBe(false);
  expect(isStreamMac(mac, makeSessionKey(secret, 's2', facts), 's1', 1)).toBe(false);
  expect(isStreamMac('no hex', key, 's1', 1)).toBe(false);
});
