import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { settle, until } from '@waggle/shared/lane-link/testing/waiting.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type InvitedAgent, Inviter } from './inviter.ts';

let clock: HandClock;
let inviter: Inviter;
let agents: Agent[];
let described: unknown[];

beforeEach(() => {
  clock = new HandClock();
  agents = [];
  described = [];
  inviter = new Inviter({
    orchestrator: ':50051',
    secret: '',
    isConnected: () => false,
    describe: (...facts) => void described.push(facts),
    clock,
    logger: silentLogger,
  });
});
afterEach(async () => {
  inviter.stop();
  for (const { server } of agents) server.close();
});

/** Waits to be invited at a port of its own. */
class Agent {
  readonly server: Server;
  readonly name: string;
  asked = 0;
  answered = 0;
  invitations = 0;
  answersGet: Promise<void> = Promise.resolve();
  breaksOff = false;

  constructor(name: string) {
    this.name = name;
    this.server = createServer((request, response) => void this.#answer(request, response)).listen(0, '127.0.0.1');
    agents.push(this);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('close', () => this.answered++);
    if (request.method === 'POST') {
      this.invitations++;
      response.end('{}');
      return;
    }
    this.asked++;
    await this.answersGet;
    if (this.breaksOff) {
      response.destroy();
      return;
    }
    response.end(JSON.stringify({ nodeId: `id-${this.name}`, nonce: 'n' }));
  }

  entry(facts: Partial<InvitedAgent> = {}): InvitedAgent {
    const { port } = this.server.address() as AddressInfo;
    return { name: this.name, givenName: this.name, host: '127.0.0.1', port, labels: {}, notice: undefined, ...facts };
  }
}

async function startAgent(name: string): Promise<Agent> {
  const agent = new Agent(name);
  await once(agent.server, 'listening');
  return agent;
}

const rows = () => inviter.expected.map(({ name, state }) => [name, state]);

test('agents are invited from the moment they are named, and no more when they are not', async () => {
  const [a, b] = [await startAgent('a'), await startAgent('b')];
  inviter.follow([a.entry()]);
  expect(inviter.isInviting).toBe(true);
  await vi.waitFor(() => expect(rows()).toEqual([['a', 'invited']]));
  inviter.follow([a.entry(), b.entry()]);
  await vi.waitFor(() =>
    expect(rows()).toEqual([
      ['a', 'invited'],
      ['b', 'invited'],
    ]),
  );
  await vi.waitFor(() => expect(clock.pending).toBe(1));
  inviter.follow([b.entry()]);
  expect(rows()).toEqual([['b', 'invited']]);
  await vi.waitFor(() => expect(clock.pending).toBe(1));
  const before = [a.invitations, b.invitations];
  await clock.advance(5_000);
  await vi.waitFor(() => expect(b.invitations).toBe((before[1] ?? 0) + 1));
  expect(a.invitations).toBe(before[0]);
  inviter.follow([]);
  expect([inviter.isInviting, rows(), clock.pending]).toEqual([false, [], 0]);
});

test('one that is described otherwise is asked anew, and the others keep their rows', async () => {
  const [a, b] = [await startAgent('a'), await startAgent('b')];
  inviter.follow([a.entry(), b.entry()]);
  await vi.waitFor(() =>
    expect(rows()).toEqual([
      ['a', 'invited'],
      ['b', 'invited'],
    ]),
  );
  inviter.follow([a.entry({ labels: { type: 'gpu' } }), b.entry()]);
  expect(rows()).toEqual(
    expect.arrayContaining([
      ['a', 'waiting'],
      ['b', 'invited'],
    ]),
  );
  await vi.waitFor(() => expect(described).toContainEqual(['id-a', { name: 'a', labels: { type: 'gpu' } }]));
});

test('one that is not wanted any more while it is asked is not invited, and gets no row', async () => {
  const [a, b] = [await startAgent('a'), await startAgent('b')];
  const answersGet = Promise.withResolvers<void>();
  a.answersGet = answersGet.promise;
  b.answersGet = answersGet.promise;
  b.breaksOff = true;
  inviter.follow([a.entry(), b.entry()]);
  await until(() => a.asked + b.asked === 2);
  inviter.follow([]);
  answersGet.resolve();
  await until(() => a.answered + b.answered === 2);
  await settle(50);
  expect([rows(), a.invitations, described, clock.pending]).toEqual([[], 0, [], 0]);
});
