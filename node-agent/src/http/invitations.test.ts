import { makeInvitation } from '@waggle/shared/cluster/invitation.ts';
import { makeJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { type InvitationDeps, Invitations } from './invitations.ts';

const token = makeJoinToken();
const far = '192.168.1.2';

describe('Invitations', () => {
  let clock: HandClock;
  let invited: string[];

  beforeEach(() => {
    clock = new HandClock();
    invited = [];
  });

  const make = (more: Partial<InvitationDeps> = {}) =>
    new Invitations({ token, clock, isWanted: () => true, invited: (address) => invited.push(address), ...more });

  test('an orchestrator that knows the token is followed', () => {
    const invitations = make();
    const invitation = makeInvitation('192.168.1.2:50051', invitations.makeNonce(), token.secret);
    expect(invitations.accept(invitation, far)).toEqual({ status: 202 });
    expect(invited).toEqual(['192.168.1.2:50051']);
  });

  test.each([
    [far, '192.168.1.2:50051'],
    ['fe80::1', '[fe80::1]:50051'],
  ])('one that does not know its own address is found where it asks from: %s', (peer, address) => {
    const invitations = make();
    invitations.accept(makeInvitation(':50051', invitations.makeNonce(), token.secret), peer);
    expect(invited).toEqual([address]);
  });

  test('a nonce is good once, for half a minute', async () => {
    const invitations = make({ isWanted: () => true });
    const once = makeInvitation('a:1', invitations.makeNonce(), token.secret);
    expect(invitations.accept(once, far).status).toBe(202);
    expect(invitations.accept(once, far).status).toBe(403);
    const late = makeInvitation('a:1', invitations.makeNonce(), token.secret);
    await clock.advance(30_001);
    expect(invitations.accept(late, far).status).toBe(403);
    expect(invitations.accept(makeInvitation('a:1', 'made-up', token.secret), far).status).toBe(403);
    expect(invited).toEqual(['a:1']);
  });

  test('a proof counts for one address', () => {
    const invitations = make();
    const invitation = makeInvitation('good:1', invitations.makeNonce(), token.secret);
    expect(invitations.accept({ ...invitation, orchestrator: 'evil:1' }, far).status).toBe(403);
  });

  test.each([
    ['another token', makeJoinToken().secret],
    ['none', ''],
  ])('%s is no invitation', (_name, secret) => {
    const invitations = make();
    expect(invitations.accept(makeInvitation('a:1', invitations.makeNonce(), secret), far)).toMatchObject({
      status: 403,
    });
    expect(invited).toEqual([]);
  });

  test('without a token only this machine may invite', () => {
    const invitations = make({ token: undefined });
    expect(invitations.accept(makeInvitation('a:1', invitations.makeNonce(), ''), far)).toMatchObject({ status: 403 });
    expect(invitations.accept(makeInvitation('a:1', invitations.makeNonce(), ''), '127.0.0.1')).toEqual({
      status: 202,
    });
  });

  test('a node in a cluster wants no other', () => {
    const invitations = make({ isWanted: () => false });
    const invitation = makeInvitation('a:1', invitations.makeNonce(), token.secret);
    expect(invitations.accept(invitation, far)).toMatchObject({ status: 409 });
  });

  test.each([
    undefined,
    null,
    'x',
    {},
    { orchestrator: 'a b:1', nonce: 'n', proof: 'p' },
    { orchestrator: 'a', nonce: 'n', proof: 'p' },
  ])('%j is no invitation', (body) => {
    expect(make().accept(body, far)).toMatchObject({ status: 400 });
  });

  test('remembers a bounded number of nonces', () => {
    const invitations = make();
    const first = invitations.makeNonce();
    for (let more = 0; more < 64; more++) invitations.makeNonce();
    expect(invitations.accept(makeInvitation('a:1', first, token.secret), far)).toMatchObject({ status: 403 });
  });
});
