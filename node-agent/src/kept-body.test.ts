import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { releaseMemory } from '@waggle/shared/process/release-memory.ts';
import { expect, test } from 'vitest';
import { createEngine } from './engines/create-engine.ts';
import { EngineJobs } from './jobs/engine-jobs.ts';
import { RecordedJob, toHeader } from './testing/recorded-job.ts';

/** An engine that takes requests in and thinks about them for ever. */
class ThinkingServer implements AsyncDisposable {
  readonly #server = createServer((request, response) => {
    request.resume();
    request.on('end', () => this.#taken.resolve(response));
  });
  readonly #taken = Promise.withResolvers<ServerResponse>();

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The answer to the first request, when all of that has come. */
  taken(): Promise<ServerResponse> {
    return this.#taken.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** A body that only its reader holds. */
function toBody(): { body?: Uint8Array<ArrayBuffer>; readonly kept: WeakRef<ArrayBuffer> } {
  const bytes = new Uint8Array(new ArrayBuffer(5_000_000)).fill(0x61);
  new TextEncoder().encodeInto('{"model":"m","stream":true,"messages":[{"role":"user","content":"', bytes);
  new TextEncoder().encodeInto('"}]}', bytes.subarray(-4));
  return { body: bytes, kept: new WeakRef(bytes.buffer) };
}

test.each([
  ['ollama', 'ollama.chat'],
  ['ollama', 'openai.chat'],
  ['openai', 'openai.chat'],
  ['openai', 'ollama.chat'],
] as const)('a %s engine’s %s that runs holds no body', async (dialect, endpoint: EndpointName) => {
  await using server = new ThinkingServer();
  const address = await server.listen();
  const url = dialect === 'openai' ? `${address}/v1` : address;
  const engine = createEngine({ engineId: 'e1', dialect, url, settings: { slots: 1 }, clock: systemClock });
  const jobs = new EngineJobs(
    (job, body, output) => engine.run(job, body, output),
    () => {},
  );
  jobs.resize(1);
  const large = toBody();
  const header = toHeader({ endpoint, model: 'other', pins: { numCtx: 4096 } });
  const running = jobs.run(header, large.body ?? new Uint8Array(), new RecordedJob());
  delete large.body;
  await server.taken();
  await new Promise<void>((resolve) => setImmediate(resolve));
  releaseMemory();
  expect(large.kept.deref() === undefined).toBe(true);
  running.cancel();
  await jobs.settled();
  await engine.close();
});
