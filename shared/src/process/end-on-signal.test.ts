import { EventEmitter } from 'node:events';
import { beforeEach, expect, test } from 'vitest';
import { endOnSignal } from './end-on-signal.ts';

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }

  signal(name: 'SIGINT' | 'SIGTERM'): void {
    this.emit(name, name);
  }
}

let target: FakeProcess;
let now: number;
let said: unknown[];
let ending: PromiseWithResolvers<void>;

beforeEach(() => {
  target = new FakeProcess();
  now = 0;
  said = [];
  ending = Promise.withResolvers<void>();
  const end = (signal: string) => {
    said.push(signal);
    return ending.promise;
  };
  endOnSignal({ end, failed: (thrown) => said.push(thrown) }, target, () => now);
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends in order, once that is done', async (name) => {
  target.signal(name);
  expect(said).toEqual([name]);
  expect(target.exits).toEqual([]);
  ending.resolve();
  await ending.promise;
  expect(target.exits).toEqual([0]);
});

test('one that comes twice is one, a later one ends at once', () => {
  target.signal('SIGINT');
  now = 1_000;
  target.signal('SIGINT');
  expect(target.exits).toEqual([]);
  now = 1_001;
  target.signal('SIGTERM');
  expect(target.exits).toEqual([1]);
  expect(said).toEqual(['SIGINT']);
});

test('an end that fails is told, and the exit code says so', async () => {
  target.signal('SIGTERM');
  const failure = new Error('no');
  ending.reject(failure);
  await ending.promise.catch(() => {});
  await Promise.resolve();
  expect(said).toEqual(['SIGTERM', failure]);
  expect(target.exits).toEqual([1]);
});
