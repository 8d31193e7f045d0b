import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock, settled } from '@waggle/shared/testing/hand-clock.ts';
import { beforeEach, expect, test } from 'vitest';
import type { connectNode } from './link/connect-node.ts';
import type { LinkStatus, NodeLink } from './link/node-link.ts';
import { ClusterMembership } from './membership.ts';

class ScriptedLink implements NodeLink {
  readonly name: string;
  status: LinkStatus = { state: 'connecting' };
  closed = false;
  #listener: (status: LinkStatus) => void = () => {};

  constructor(host: NodeHost) {
    this.name = host.identity.name;
  }

  subscribe(listener: (status: LinkStatus) => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = () => {};
    };
  }

  become(status: LinkStatus): void {
    this.status = status;
    this.#listener(status);
  }

  async drain(): Promise<void> {}

  close(): void {
    this.closed = true;
  }
}

let links: ScriptedLink[];
let printed: string[];

beforeEach(() => {
  links = [];
  printed = [];
});

function make(mayRename: boolean): ClusterMembership {
  const identity = { nodeId: 'n', bootId: 'b', name: 'desk', machineId: 'm', version: '1' };
  const connect: typeof connectNode = (host) => {
    const link = new ScriptedLink(host);
    links.push(link);
    return link;
  };
  return new ClusterMembership({
    node: { identity } as NodeHost,
    token: undefined,
    mayRename,
    logger: silentLogger,
    clock: new HandClock(),
    print: (text) => printed.push(text),
    connect,
  });
}

const joined: LinkStatus = { state: 'joined', epoch: 1, clusterId: 'c', orchestratorVersion: '1' };
const taken: LinkStatus = { state: 'refused', reason: 'same-name', message: 'desk is 10.0.0.1 and 10.0.0.2' };

test('tells its operator what becomes of it, once each', () => {
  const membership = make(true);
  expect(membership.state.state).toBe('waiting');
  membership.join('hub:50051');
  links[0]?.become(joined);
  expect(membership.isJoined).toBe(true);
  links[0]?.become({ state: 'lost', message: 'it went away' });
  links[0]?.become({ state: 'connecting' });
  links[0]?.become(joined);
  expect(printed.map((text) => text.split(' ').slice(0, 2).join(' '))).toEqual([
    'Joining the',
    'Joined the',
    'Lost the',
    'Joined the',
  ]);
});

test('says once that nothing answers, before it has ever joined', () => {
  const membership = make(true);
  membership.join('hub:50051');
  links[0]?.become({ state: 'connecting', problem: 'connection refused' });
  links[0]?.become({ state: 'connecting', problem: 'no such host' });
  expect(printed).toEqual([expect.stringContaining('Joining'), expect.stringContaining('connection refused')]);
});

test.each([
  [
    'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:9. Resolution note: ',
    'nothing listens there',
  ],
  [
    'No connection established. Last error: Protocol error (2026-01-01T00:00:00.000Z). Resolution note: ',
    'is not the port of an',
  ],
  ['Name resolution failed for target dns:hub:50051', 'there is no machine of that name'],
  ['No connection established. Last error: Error: connect EHOSTUNREACH 10.0.0.9:50051', 'cannot be reached from here'],
  ['no answer within 10 s', 'no answer within 10 s'],
])('%s is said in words', (problem, words) => {
  make(true).join('hub:50051');
  links[0]?.become({ state: 'connecting', problem });
  expect(printed.at(-1)).toMatch(/^Cannot reach an orchestrator at hub:50051 yet: .+ not the one of clients\.\n$/);
  expect(printed.at(-1)).toContain(words);
  expect(printed.at(-1)).not.toContain('Resolution note');
});

test('a name nobody chose makes way for one that is there', async () => {
  const membership = make(true);
  membership.join('hub:50051');
  links[0]?.become(taken);
  await settled();
  expect(links.map(({ name }) => name)).toEqual(['desk', 'desk-2']);
  expect(links[0]?.closed).toBe(true);
  links[1]?.become(joined);
  expect(printed.at(-1)).toContain('desk-2');
});

test('a name somebody chose is kept, and the refusal shown', async () => {
  make(false).join('hub:50051');
  links[0]?.become(taken);
  await settled();
  expect(links).toHaveLength(1);
  expect(printed.at(-1)).toMatch(/refuses this node: desk is 10\.0\.0\.1 and 10\.0\.0\.2\. Trying again\.\n$/);
});

test('a new invitation leaves the old orchestrator', () => {
  const membership = make(true);
  membership.join('one:1');
  membership.join('two:2');
  expect(links.map(({ closed }) => closed)).toEqual([true, false]);
  membership.close();
  expect(links[1]?.closed).toBe(true);
});
