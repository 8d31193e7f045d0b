import { once } from 'node:events';
import type { OperationFrame } from '@waggle/shared/cluster/operation.ts';
import type { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import type { Script } from '../operations/scripted-nodes.ts';
import { open, send } from './test-client.ts';
import { startTestServer } from './test-server.ts';

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** A pull that has far more to say than sockets hold, and yet an end. */
class LongPull {
  written = 0;
  isGone = false;
  readonly script: Script = (_request, signal) => this.#report(signal);
  readonly #lines: number;

  constructor(lines: number) {
    this.#lines = lines;
  }

  async *#report(signal: AbortSignal): AsyncGenerator<OperationFrame> {
    signal.addEventListener('abort', () => {
      this.isGone = true;
    });
    const line = Buffer.from(`${JSON.stringify({ status: 'x'.repeat(100_000) })}\n`);
    yield { type: 'head', status: 200, contentType: 'application/x-ndjson' };
    for (; this.written < this.#lines && !signal.aborted; this.written++) yield { type: 'chunk', bytes: line };
    yield { type: 'chunk', bytes: Buffer.from('{"status":"success"}\n') };
    yield { type: 'end' };
  }

  /** Resolves when nothing more of it is taken. */
  async stands(): Promise<void> {
    for (let last = -1; last !== this.written; await turns(200)) last = this.written;
  }
}

/** Lets the clock run until `isOver`, at most a minute of it; milliseconds that it took. */
async function runUntil(clock: HandClock, isOver: () => boolean): Promise<number> {
  let passed = 0;
  for (; !isOver() && passed < 60_000; passed += 100) {
    await clock.advance(100);
    await turns(20);
  }
  return passed;
}

describe('a client that stops reading', () => {
  it('the progress of a pull is cut', async () => {
    const pull = new LongPull(1_000);
    await using server = await startTestServer({
      nodes: [{ name: 'a', script: pull.script }],
      server: { writeTimeoutMs: 5_000 },
    });
    const { request } = await open(server.port, '/api/pull', { body: { model: 'tiny' } });
    request.on('error', () => {});
    await pull.stands();
    const passed = await runUntil(server.clock, () => pull.isGone);
    expect(passed).toBeGreaterThanOrEqual(5_000);
    expect(passed).toBeLessThanOrEqual(7_500);
    request.destroy();
  });

  it('is waited for as long as the system holds less and less for it', async () => {
    const pull = new LongPull(1_000);
    let unsent = 1_000_000;
    await using server = await startTestServer({
      nodes: [{ name: 'a', script: pull.script }],
      server: { writeTimeoutMs: 5_000 },
      unsentBytes: async () => unsent--,
    });
    const { request } = await open(server.port, '/api/pull', { body: { model: 'tiny' } });
    request.on('error', () => {});
    await pull.stands();
    expect(await runUntil(server.clock, () => pull.isGone)).toBe(60_000);
    request.destroy();
    await once(request, 'close');
  });

  it('is nothing to one that reads', async () => {
    const pull = new LongPull(100);
    await using server = await startTestServer({ nodes: [{ name: 'a', script: pull.script }] });
    const before = server.clock.pending;
    const reply = await send(server.port, '/api/pull', { body: { model: 'tiny' } });
    expect(reply.text.split('\n')).toHaveLength(102);
    expect(server.clock.pending).toBe(before);
  });
});
