import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { openDataFolder } from './data-folder.ts';
import { resolveJoinToken } from './join-token.ts';

const isWindows = process.platform === 'win32';

let parent: string;
let folder: string;

beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'waggle-data-'));
  folder = path.join(parent, 'a', 'b');
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

const open = () => openDataFolder({ folder, source: '--data' });

function refusal(act: () => unknown): ConfigError {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

function modeOf(name: string): string {
  return (statSync(path.join(folder, name)).mode & 0o777).toString(8);
}

test('it is made once, with a token and an id that stay', () => {
  let first: { adminToken: string; clusterId: string };
  {
    using data = open();
    first = { adminToken: data.adminToken, clusterId: data.clusterId };
    expect(data).toMatchObject({ path: folder, source: '--data' });
  }
  using data = open();
  expect(first.adminToken).toMatch(/^[\w-]{43}$/);
  expect(first.clusterId).toMatch(/^[0-9a-f-]{36}$/);
  expect(data).toMatchObject(first);
});

// Windows has no file modes; there the folder of the user protects it.
test.skipIf(isWindows)('nobody else may read the folder or the token', () => {
  open()[Symbol.dispose]();
  expect([modeOf('.'), modeOf('admin-token')]).toEqual(['700', '600']);
});

test('one process has it', () => {
  using data = open();
  const error = refusal(open);
  expect(error.message).toMatch(
    /^--data: the data folder .+ is in use by another Waggle \(process \d+ on .+, since .+\); stop that one, or name another folder with --data DIR\.$/,
  );
  expect(error).toMatchObject({ key: 'data', source: '--data' });
  expect(data).toBeDefined();
});

test('a file in its way is told in words', () => {
  writeFileSync(path.join(parent, 'a'), '');
  expect(refusal(open).message).toBe(
    `--data: the data folder ${folder} cannot be used: a file stands in its way; name another with --data DIR.`,
  );
});

test.runIf(process.platform === 'linux')('a place where no folder can be made is told in words', () => {
  expect(refusal(() => openDataFolder({ folder: '/proc/none/x', source: 'default' })).message).toBe(
    'data: the data folder /proc/none/x cannot be used: it cannot be made; name another with --data DIR.',
  );
});

test('a damaged token is refused and the lock let go', () => {
  open()[Symbol.dispose]();
  const file = path.join(folder, 'admin-token');
  writeFileSync(file, 'short\n');
  expect(refusal(open).message).toBe(`--data: ${file} is damaged; delete it and a new one is made.`);
  rmSync(file);
  open()[Symbol.dispose]();
});

test('a half-written token of a start that died is no token', () => {
  open()[Symbol.dispose]();
  rmSync(path.join(folder, 'admin-token'));
  writeFileSync(path.join(folder, 'admin-token.new'), 'half');
  using data = open();
  expect(data.adminToken).toHaveLength(43);
});

describe('the join token', () => {
  const given = { caSha256: '', secret: '0123456789abcdef' };

  test('is the configured one, or none on loopback', () => {
    using data = open();
    expect(resolveJoinToken({ joinToken: given, needsMadeToken: false }, data)).toBe(given);
    expect(resolveJoinToken({ joinToken: undefined, needsMadeToken: false }, data)).toBeUndefined();
  });

  test('is made once where one is needed', () => {
    using data = open();
    const need = { joinToken: undefined, needsMadeToken: true };
    const made = resolveJoinToken(need, data);
    expect(resolveJoinToken(need, data)).toEqual(made);
    expect(parseJoinToken(readFileSync(path.join(folder, 'join-token'), 'utf8'))).toEqual({ ok: true, token: made });
    writeFileSync(path.join(folder, 'join-token'), 'K10::cut');
    expect(refusal(() => resolveJoinToken(need, data)).message).toMatch(/join-token is damaged; delete it/);
  });
});
