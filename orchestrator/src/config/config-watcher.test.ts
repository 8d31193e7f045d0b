import { mkdtempSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigWatcher, readVersion } from './config-watcher.ts';

let folder: string;
let file: string;
let clock: HandClock;
let watcher: ConfigWatcher;
let changes: number;
/** The look that is under way. */
let look: Promise<unknown>;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'waggle-watch-'));
  file = path.join(folder, 'config.yaml');
  clock = new HandClock();
  changes = 0;
});
afterEach(() => {
  watcher.stop();
  rmSync(folder, { recursive: true });
});

function watch(): void {
  watcher = new ConfigWatcher({
    file,
    clock,
    versionOf: (looked) => {
      const version = readVersion(looked);
      look = version;
      return version;
    },
    changed: () => changes++,
  });
  watcher.start();
}

async function second(): Promise<void> {
  await clock.advance(1_000);
  await look;
  await clock.advance(0);
}

async function settled(): Promise<number> {
  await second();
  await second();
  return changes;
}

test('a version is told once, when it was seen twice', async () => {
  writeFileSync(file, 'a');
  watch();
  await second();
  expect(changes).toBe(0);
  await second();
  expect(changes).toBe(1);
  expect(await settled()).toBe(1);
});

test('a file that takes its place by a rename is seen, of the same size and time too', async () => {
  writeFileSync(file, 'a');
  watch();
  utimesSync(file, 1_000, 1_000);
  await settled();
  writeFileSync(`${file}.new`, 'b');
  utimesSync(`${file}.new`, 1_000, 1_000);
  renameSync(`${file}.new`, file);
  expect(statSync(file)).toMatchObject({ mtimeMs: 1_000_000, size: 1 });
  expect(await settled()).toBe(2);
});

test('one that is emptied and then written is told of when it is whole', async () => {
  writeFileSync(file, 'server:\n');
  watch();
  await settled();
  truncateSync(file);
  await second();
  writeFileSync(file, 'server:\n  port: 1\n');
  await second();
  expect(changes).toBe(1);
  await second();
  expect(changes).toBe(2);
});

test('one that appears, and one that disappears', async () => {
  watch();
  expect(await settled()).toBe(1);
  writeFileSync(file, 'a');
  expect(await settled()).toBe(2);
  rmSync(file);
  expect(await settled()).toBe(3);
  expect(await settled()).toBe(3);
});

test('nothing is told after the stop', async () => {
  watch();
  await settled();
  writeFileSync(file, 'a');
  await second();
  await clock.advance(1_000);
  watcher.stop();
  await look;
  expect(await settled()).toBe(1);
  expect(clock.pending).toBe(0);
});
