import { describe, expect, test } from 'vitest';
import { compareConfigs, withLive } from './compare-configs.ts';
import { compileFake } from './fake-inputs.ts';

const settingsOf = (file: string) => compileFake({ file }).settings;
const compare = (before: string, after: string) => compareConfigs(settingsOf(before), settingsOf(after));

describe('compareConfigs', () => {
  test.each([
    ['', 'limits: { maxBodyBytes: 64MiB }', [], []],
    ['limits: { maxBodyBytes: 1MiB }', 'limits: { maxBodyBytes: 1048576 }', [], []],
    ['', 'limits: { maxBodyBytes: 1MiB }', ['limits.maxBodyBytes'], []],
    ['', 'logging: { level: debug }', ['logging.level'], []],
    ['', 'server: { queueSize: 1, concurrency: 2 }', ['server.queueSize', 'server.concurrency'], []],
    ['', 'server: { port: 1, host: ::1 }', [], ['server.host', 'server.port']],
    [
      '',
      'limits: { lanesPerNode: 1, nodes: 1, recentRequests: 1 }',
      ['limits.nodes', 'limits.recentRequests'],
      ['limits.lanesPerNode'],
    ],
    ['', 'cache: { maxBytes: 0, ttl: 1, seeded: true }', ['cache.maxBytes', 'cache.ttl'], ['cache.seeded']],
    ['data: a', 'logging: { file: b }', [], ['logging.file', 'data']],
    ['models: { a: b, c: d }', 'models: { a: b, c: e, f: g }', ['models.c', 'models.f'], []],
    ['models: { a: { numCtx: 1 } }', 'models: { a: { numCtx: 2 } }', ['models.a'], []],
    ['nodes: [{ name: a, host: x }]', 'nodes: [{ name: b, host: x }]', ['nodes.a', 'nodes.b'], []],
    ['nodes: [{ host: x }]', 'nodes: [{ host: x, type: gpu }]', ['nodes.x:'], []],
    ['nodes: [{ host: x }, { host: y }]', 'nodes: [{ host: y }, { host: x }]', ['nodes'], []],
  ])('%s → %s', (before, after, live, restart) => {
    expect(compare(before, after)).toEqual({ live, restart });
  });

  test('a secret is named, not told', () => {
    const token = 'K10::abcdefghijklmnopqrstuvwx';
    expect(JSON.stringify(compare('', `cluster: { joinToken: "${token}" }`))).toBe(
      '{"live":[],"restart":["cluster.joinToken"]}',
    );
  });
});

describe('withLive', () => {
  test('takes what can change from the new one, and leaves the rest', () => {
    const before = settingsOf('server: { port: 1, queueSize: 1 }\nlimits: { lanesPerNode: 1 }\nmodels: { a: b }');
    const after = settingsOf(
      'server: { port: 2, queueSize: 2 }\nlimits: { lanesPerNode: 2, stallMax: 7 }\nmodels: { c: d }',
    );
    const mixed = withLive(before, after);
    expect(mixed).toMatchObject({
      server: { port: 1, queueSize: 2 },
      limits: { lanesPerNode: 1, stallMax: 7_000 },
    });
    expect(mixed.models).toEqual({ c: ['d'] });
    expect(compareConfigs(mixed, after)).toEqual({ live: [], restart: ['server.port', 'limits.lanesPerNode'] });
    expect(compareConfigs(before, before)).toEqual({ live: [], restart: [] });
  });
});
