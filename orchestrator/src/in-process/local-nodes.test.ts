import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { unknownHardware } from '@waggle/shared/cluster/node.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import { settle, Waiting } from '@waggle/shared/lane-link/testing/waiting.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EngineNodeConfig } from '../config/compiled-config.ts';
import { type LocalNodes, startLocalNodes } from './local-nodes.ts';

let clock: HandClock;
let folder: string;
let attached: Waiting<NodeHost>;
let silent: Server;
let nodes: LocalNodes | undefined;

beforeEach(async () => {
  clock = new HandClock();
  folder = mkdtempSync(path.join(tmpdir(), 'waggle-local-'));
  attached = new Waiting();
  // Takes connections and never says anything.
  silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
});

afterEach(async () => {
  await nodes?.close();
  silent.close();
  rmSync(folder, { recursive: true, force: true });
});

const toNode = (name: string, url: string): EngineNodeConfig => ({
  kind: 'engine',
  name,
  dialect: 'ollama',
  url,
  apiKey: undefined,
  slots: undefined,
  labels: { type: undefined, platform: undefined, capabilities: [] },
});

async function start(engines: Readonly<Record<string, string>>): Promise<() => Promise<void>> {
  const started = startLocalNodes({
    config: {
      local: { enabled: false, name: 'host', engines: {}, builtin: undefined },
      discovery: { only: undefined, ollamaUrl: silentUrl() },
      nodes: Object.entries(engines).map(([name, url]) => toNode(name, url)),
    },
    dataFolder: folder,
    clusterId: 'c1',
    attach: (host) => {
      attached.push(host);
      return { drain: async () => {} };
    },
    logger: silentLogger,
    clock,
  });
  const over = { now: false };
  void started.finally(() => {
    over.now = true;
  });
  return async () => {
    // Engines that do not answer are given up on this clock.
    while (!over.now) {
      await clock.advance(500);
      await settle(1);
    }
    nodes = await started;
  };
}

const silentUrl = () => `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;

test('an engine that takes connections and never answers keeps no other node from the cluster', async () => {
  const finish = await start({ silent: silentUrl(), quick: 'http://127.0.0.1:1' });
  expect((await attached.next()).identity.name).toBe('quick');
  expect(attached.count).toBe(0);
  await finish();
  expect((await attached.next()).identity.name).toBe('silent');
});

test('nothing is known of the machine of an engine elsewhere, and all of this one', async () => {
  const finish = await start({ elsewhere: 'http://192.0.2.1:11434', here: 'http://127.0.0.1:1' });
  await finish();
  const hosts = [await attached.next(), await attached.next()];
  const reportOf = (name: string) => hosts.find(({ identity }) => identity.name === name)?.reports.current();
  expect(reportOf('elsewhere')).toMatchObject({ hardware: unknownHardware, memoryAvailableBytes: 0 });
  expect(reportOf('here')?.hardware.memoryBytes).toBeGreaterThan(0);
  expect(reportOf('here')?.memoryAvailableBytes).toBeGreaterThan(0);
});
