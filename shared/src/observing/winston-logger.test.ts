import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Logger } from './logger.ts';
import { createWinstonLogger } from './winston-logger.ts';

let folder: string;
let file: string;
let written: string[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'waggle-log-'));
  file = path.join(folder, 'w.log');
  written = [];
  // Where the console writes what goes to standard error.
  const stream = Reflect.get(console, '_stderr') as NodeJS.WritableStream;
  vi.spyOn(stream, 'write').mockImplementation((chunk: unknown) => {
    written.push(String(chunk));
    return true;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

function createFileLogger(): Logger {
  const options = { path: file, maxBytes: 1e6, maxFiles: 2 };
  return createWinstonLogger({ level: 'info', isTerminal: false, maxLinesPerSecond: 100_000, file: options });
}

test('standard error and the file have every line of the level', async () => {
  const logger = createFileLogger();
  logger.info('one', { a: 1 });
  logger.debug('below');
  logger.error('two');
  await vi.waitFor(async () => {
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ event: 'one', a: 1 }, { event: 'two' }]);
  });
  expect(written.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ event: 'one' }, { event: 'two' }]);
});

test('more lines than allowed are left out', () => {
  const logger = createWinstonLogger({ level: 'info', isTerminal: false, maxLinesPerSecond: 10 });
  for (let count = 0; count < 100; count++) logger.error('one');
  expect(written).toHaveLength(20);
});

test.each([
  ['it is a folder', () => mkdir(file)],
  ['its folder cannot be made', () => rm(folder, { recursive: true }).then(() => writeFile(folder, ''))],
])('a file that cannot be written is said once, and ends nothing: %s', async (_, spoil) => {
  await spoil();
  const logger = createFileLogger();
  await vi.waitFor(() => {
    for (let count = 0; count < 1_000; count++) logger.info('one', { text: 'x'.repeat(1_000) });
    expect(written.join('')).toContain('log-file-failed');
  });
  logger.info('two');
  expect(written.filter((line) => line.includes('log-file-failed'))).toHaveLength(1);
  expect(written.at(-1)).toContain('two');
});
