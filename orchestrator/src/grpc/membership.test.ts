import { Duplex } from 'node:stream';
import { makeJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { makeNonce, makeProof } from '@waggle/shared/lane-link/handshake.ts';
import { RecordingEvents } from '@waggle/shared/lane-link/testing/recording-events.ts';
import { ScriptedHost } from '@waggle/shared/lane-link/testing/scripted-host.ts';
import { Waiting } from '@waggle/shared/lane-link/testing/waiting.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import type { ControlDown } from '@waggle/shared/wire/control-frames.ts';
import { protocolVersion } from '@waggle/shared/wire/protocol-version.ts';
import { expect, test } from 'vitest';
import type { ControlCall } from './grpc-link.ts';
import { Membership } from './membership.ts';

const clusterId = 'c1';

/** What the orchestrator says to an agent that registers rightly, but from some address. */
async function register(peer: string, secret: string | undefined): Promise<ControlDown> {
  const membership = new Membership({
    secret,
    clusterId,
    version: '1',
    lanesPerNode: 4,
    clock: new HandClock(),
    logger: silentLogger,
    events: new RecordingEvents(),
    authenticated: () => {},
  });
  const said = new Waiting<ControlDown>();
  const stream = new Duplex({
    objectMode: true,
    read() {},
    write(frame: ControlDown, _encoding, done) {
      said.push(frame);
      done();
    },
  });
  // As much of a call as the membership knows.
  membership.accept(Object.assign(stream, { getPeer: () => peer }) as unknown as ControlCall);
  const hello = await said.next();
  if (hello.type !== 'hello') throw new Error(`${hello.type} instead of hello`);
  const { identity, reports } = new ScriptedHost({ e1: 1 });
  const { nodeId, bootId } = identity;
  const nonce = makeNonce();
  const facts = { orchestratorNonce: hello.nonce, agentNonce: nonce, clusterId, nodeId, bootId };
  const proof = makeProof(secret ?? '', 'agent', facts);
  stream.push({ type: 'register', protocol: protocolVersion, identity, nonce, proof, report: reports.current() });
  const answer = await said.next();
  membership.close();
  return answer;
}

test.each(['127.0.0.1:5000', '127.8.0.1:5000', '::1:5000', '::ffff:127.0.0.1:5000'])(
  'without a join token an agent at %s may join',
  async (peer) => {
    expect(await register(peer, undefined)).toMatchObject({ type: 'welcome' });
  },
);

test.each(['192.168.1.9:5000', '::ffff:192.168.1.9:5000', 'fe80::1:5000'])(
  'without a join token an agent at %s may not, and is told why',
  async (peer) => {
    expect(await register(peer, undefined)).toMatchObject({
      type: 'refused',
      reason: 'bad-token',
      message: expect.stringContaining('no join token'),
    });
  },
);

test('with a join token an agent may join from anywhere', async () => {
  expect(await register('192.168.1.9:5000', makeJoinToken().secret)).toMatchObject({ type: 'welcome' });
});
