import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { compileFake } from './fake-inputs.ts';
import { prepareLogFile } from './log-file.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'waggle-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function prepare(file: string): void {
  prepareLogFile(compileFake({ file: `logging:\n  file: ${JSON.stringify(file)}` }));
}

function refusal(file: string): string {
  try {
    prepare(file);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.message;
    throw thrown;
  }
  return '';
}

test('a file is made with its folder, one that is there keeps what it holds', () => {
  const file = path.join(folder, 'logs', 'waggle.log');
  prepare(file);
  expect(readFileSync(file, 'utf8')).toBe('');
  writeFileSync(file, 'kept\n');
  prepare(file);
  expect(readFileSync(file, 'utf8')).toBe('kept\n');
});

test('none is fine', () => {
  expect(() => prepareLogFile(compileFake())).not.toThrow();
});

test('what can take no lines is refused with its line', () => {
  const file = path.join(folder, 'a');
  writeFileSync(file, '');
  expect(refusal(path.join(file, 'b'))).toBe(
    `config.yaml:2: the log file ${path.join(file, 'b')} cannot be written: a file stands in its way; correct logging.file or leave it out.`,
  );
  mkdirSync(path.join(folder, 'c'));
  expect(refusal(path.join(folder, 'c'))).toMatch(/^config\.yaml:2: .+ cannot be written: it is no ordinary file;/);
});

test.runIf(process.platform === 'linux')('a place where nothing can be made, and a device, are refused', () => {
  expect(refusal('/proc/x')).toMatch(/^config\.yaml:2: .+ cannot be written: it cannot be made;/);
  expect(refusal('/proc/x/y.log')).toMatch(/^config\.yaml:2: .+ cannot be written: it cannot be made;/);
  symlinkSync('/dev/full', path.join(folder, 'full'));
  expect(refusal(path.join(folder, 'full'))).toMatch(/it is no ordinary file/);
});
