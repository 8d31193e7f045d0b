import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFolder } from './folder-lock.ts';

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'waggle-lock-'));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Another process that takes the lock, forgets about it, and collects its garbage. */
async function otherHolder(): Promise<ChildProcess> {
  const program = `
    const { lockFolder } = await import(${JSON.stringify(new URL('./folder-lock.ts', import.meta.url).href)});
    const { kind } = lockFolder(${JSON.stringify(folder)});
    lockFolder(${JSON.stringify(folder)});
    setTimeout(() => { gc(); gc(); console.log(kind); }, 1);
    setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  expect(said.toString().trim()).toBe('locked');
  return child;
}

function take(): Disposable {
  const result = lockFolder(folder);
  if (result.kind !== 'locked') throw new Error(`the lock is ${result.kind}`);
  return result.lock;
}

test('is held once, and free again when it is released, twice over', () => {
  const lock = take();
  expect(lockFolder(folder)).toMatchObject({ kind: 'held', holder: { pid: process.pid } });
  // The refused attempt opened and closed the same file, which must not have let go of it.
  expect(lockFolder(folder)).toMatchObject({ kind: 'held' });
  lock[Symbol.dispose]();
  using again = take();
  lock[Symbol.dispose]();
  expect(lockFolder(folder)).toMatchObject({ kind: 'held' });
  expect(again).toBeDefined();
});

test('a living process holds it, a killed one does not', async () => {
  const child = await otherHolder();
  expect(lockFolder(folder)).toMatchObject({ kind: 'held', holder: { pid: child.pid } });
  child.kill('SIGKILL');
  await once(child, 'exit');
  using lock = take();
  expect(lock).toBeDefined();
});

test('a frozen process still holds it', async () => {
  const child = await otherHolder();
  child.kill('SIGSTOP');
  expect(lockFolder(folder)).toMatchObject({ kind: 'held', holder: { pid: child.pid } });
});

test('what a dead process left behind does not count, whatever process has its number now', () => {
  writeFileSync(path.join(folder, 'waggle.lock'), '');
  writeFileSync(path.join(folder, 'waggle.lock.json'), JSON.stringify({ pid: process.pid, host: 'h', since: 'then' }));
  using lock = take();
  expect(JSON.parse(readFileSync(path.join(folder, 'waggle.lock.json'), 'utf8'))).not.toMatchObject({ since: 'then' });
  expect(lock).toBeDefined();
});

test('a holder that says nothing readable is told without a name', () => {
  using lock = take();
  writeFileSync(path.join(folder, 'waggle.lock.json'), '{"pid":');
  expect(lockFolder(folder)).toEqual({ kind: 'held', holder: undefined });
  expect(lock).toBeDefined();
});

test('only the empty lock file stays', () => {
  take()[Symbol.dispose]();
  expect(readdirSync(folder)).toEqual(['waggle.lock']);
  expect(readFileSync(path.join(folder, 'waggle.lock'))).toHaveLength(0);
});

test('a folder that is not there and a damaged lock file are told in words', () => {
  writeFileSync(path.join(folder, 'waggle.lock'), 'something else entirely, longer than a header'.repeat(10));
  expect(lockFolder(folder)).toMatchObject({
    kind: 'failed',
    problem: 'waggle.lock in it is damaged; delete that file',
  });
  expect(lockFolder(path.join(folder, 'none'))).toMatchObject({ kind: 'failed', problem: 'no file can be made in it' });
});
