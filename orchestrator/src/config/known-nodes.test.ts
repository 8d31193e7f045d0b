import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KnownNodesFile } from './known-nodes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'known-nodes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = () => new KnownNodesFile(folder, silentLogger);

it('knows after a restart who was there', () => {
  const file = open();
  expect(file.before).toEqual([]);
  file.keep(['b', 'a']);
  expect(open().before).toEqual(['a', 'b']);
  file.keep([]);
  expect(open().before).toEqual([]);
});

it('is written only when something changed', () => {
  const file = open();
  file.keep(['a']);
  const { ino } = statSync(path.join(folder, 'known-nodes'));
  file.keep(['a']);
  expect(statSync(path.join(folder, 'known-nodes')).ino).toBe(ino);
});

it('takes a damaged file for an empty one, line by line', () => {
  writeFileSync(path.join(folder, 'known-nodes'), `a\n\u0000\u0001\n${'x'.repeat(500)}\nb b\nc\n`);
  expect(open().before).toEqual(['a', 'c']);
});

it('keeps no more than a thousand', () => {
  open().keep(Array.from({ length: 2_000 }, (_, index) => `node-${index}`));
  expect(readFileSync(path.join(folder, 'known-nodes'), 'utf8').trim().split('\n')).toHaveLength(1_000);
});

it('warns where the folder cannot be written', () => {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => warnings.push(message) };
  new KnownNodesFile(path.join(folder, 'absent'), logger).keep(['a']);
  expect(warnings).toEqual(['known-nodes-not-kept']);
});
