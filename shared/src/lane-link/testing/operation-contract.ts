import { expect, test } from 'vitest';
import type { OperationFrame, OperationRequest } from '../../cluster/operation.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { LinkBench } from './link-bench.ts';
import { until } from './waiting.ts';

const model = { engineId: 'e1', model: 'llama3.2:latest', pins: { numCtx: 4096, keepAliveSeconds: 300 } };
const pull: OperationRequest = { operationId: 'o1', engineId: 'e1', name: 'pull', bodyJson: '{"model":"m"}' };
const never = () => new AbortController().signal;

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function collect(frames: AsyncIterable<OperationFrame>): Promise<OperationFrame[]> {
  const all: OperationFrame[] = [];
  for await (const frame of frames)
    all.push(frame.type === 'chunk' ? { ...frame, bytes: Buffer.from(frame.bytes) } : frame);
  return all;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

export function describeOperations(toBench: () => LinkBench): void {
  test('a model is loaded and unloaded by command', async () => {
    const host = await toBench().join();
    const { present } = toBench().events;
    await present.load(model, never());
    await present.unload(model);
    expect([host.loads, host.unloads]).toEqual([[model], [model]]);
  });

  test('a load that fails rejects with the error of the host', async () => {
    const host = await toBench().join();
    const details = { engineStatus: 500, engineMessage: 'no memory', retryAfterMs: 10, hint: 'buy some' };
    host.onLoad = () => Promise.reject(new ClusterError('engine-failed', 'it did not load', { details }));
    const failed = toBench().events.present.load(model, never());
    await expect(failed).rejects.toMatchObject({
      name: 'ClusterError',
      code: 'engine-failed',
      message: 'it did not load',
      details,
    });
  });

  test('a load nobody waits for any more is cancelled', async () => {
    const host = await toBench().join();
    let signal: AbortSignal | undefined;
    host.onLoad = (_, own) => {
      signal = own;
      return new Promise((_resolve, reject) => own.addEventListener('abort', () => reject(own.reason)));
    };
    const controller = new AbortController();
    const loading = toBench().events.present.load(model, controller.signal);
    await until(() => signal !== undefined);
    const reason = new ClusterError('client-gone', 'enough');
    controller.abort(reason);
    await expect(loading).rejects.toBe(reason);
    await until(() => signal?.aborted === true);
  });

  test('a load dies with its node', async () => {
    const host = await toBench().join();
    host.onLoad = (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const loading = toBench().events.present.load(model, never());
    const rejected = expect(loading).rejects.toMatchObject({ code: 'engine-unreachable' });
    await until(() => host.loads.length === 1);
    toBench().link.crash();
    await rejected;
  });

  test('an operation brings its head, its chunks and its end', async () => {
    const host = await toBench().join();
    host.onOperate = async function* () {
      yield { type: 'head', status: 200, contentType: 'application/x-ndjson' };
      for (let percent = 0; percent < 3; percent++)
        yield { type: 'chunk', bytes: Buffer.from(`{"completed":${percent}}\n`) };
      yield { type: 'end' };
    };
    const frames = await collect(toBench().events.present.operate(pull, nothing(), never()));
    expect(host.operations).toEqual([pull]);
    expect(frames).toEqual([
      { type: 'head', status: 200, contentType: 'application/x-ndjson' },
      { type: 'chunk', bytes: Buffer.from('{"completed":0}\n') },
      { type: 'chunk', bytes: Buffer.from('{"completed":1}\n') },
      { type: 'chunk', bytes: Buffer.from('{"completed":2}\n') },
      { type: 'end' },
    ]);
  });

  test('an operation that fails, or throws, ends with the failure', async () => {
    const host = await toBench().join();
    const failure = {
      cause: 'request',
      code: 'not-found',
      message: 'no such model',
      engineStatus: 404,
      engineBody: '{}',
    } as const;
    host.onOperate = async function* () {
      yield { type: 'end', failure };
    };
    const { present } = toBench().events;
    expect(await collect(present.operate(pull, nothing(), never()))).toEqual([{ type: 'end', failure }]);
    host.onOperate = async function* () {
      yield { type: 'head', status: 200, contentType: 'text/plain' };
      throw new ClusterError('engine-unreachable', 'it refuses connections');
    };
    expect((await collect(present.operate(pull, nothing(), never()))).at(-1)).toEqual({
      type: 'end',
      failure: { cause: 'unreachable', code: 'engine-unreachable', message: 'it refuses connections' },
    });
  });

  test('aborting an operation stops the host, and throws the reason', async () => {
    const host = await toBench().join();
    let stopped = false;
    host.onOperate = async function* (_request, _content, signal) {
      yield { type: 'head', status: 200, contentType: 'application/x-ndjson' };
      await aborted(signal);
      stopped = true;
      yield { type: 'end' };
    };
    const controller = new AbortController();
    const reason = new ClusterError('client-gone', 'enough');
    const reading = (async () => {
      for await (const frame of toBench().events.present.operate(pull, nothing(), controller.signal)) {
        if (frame.type === 'head') controller.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
    await until(() => stopped);
  });

  test('content goes up whole, no faster than the host takes it', async () => {
    const host = await toBench().join();
    const total = 24;
    let made = 0;
    let taken = 0;
    let furthest = 0;
    host.onOperate = async function* (_request, content) {
      let bytes = 0;
      for await (const part of content) {
        bytes += part.byteLength;
        taken = bytes / 2 ** 20;
        furthest = Math.max(furthest, made - taken);
        await new Promise((resolve) => setImmediate(resolve));
      }
      yield { type: 'chunk', bytes: Buffer.from(String(bytes)) };
      yield { type: 'end' };
    };
    async function* megabytes() {
      for (; made < total; made++) yield Buffer.alloc(2 ** 20, 'x');
    }
    const put: OperationRequest = { ...pull, name: 'blob-put', bodyJson: '{"digest":"sha256:0"}' };
    const frames = await collect(toBench().events.present.operate(put, megabytes(), never()));
    expect(frames).toEqual([{ type: 'chunk', bytes: Buffer.from(String(total * 2 ** 20)) }, { type: 'end' }]);
    expect(furthest).toBeLessThan(8);
  });

  test('an operation dies with its node: a failure, no hang', async () => {
    const host = await toBench().join();
    host.onOperate = async function* (_request, _content, signal) {
      yield { type: 'head', status: 200, contentType: 'application/x-ndjson' };
      await aborted(signal);
      throw signal.reason;
    };
    const frames: OperationFrame[] = [];
    for await (const frame of toBench().events.present.operate(pull, nothing(), never())) {
      frames.push(frame);
      if (frame.type === 'head') toBench().link.crash();
    }
    expect(frames.at(-1)).toMatchObject({ type: 'end', failure: { cause: 'unreachable', code: 'engine-unreachable' } });
  });

  test('an operation dies with its link, also before the node began it', async () => {
    const host = await toBench().join();
    host.onOperate = async function* (_request, _content, signal) {
      yield { type: 'head', status: 200, contentType: 'application/x-ndjson' };
      await aborted(signal);
      throw signal.reason;
    };
    const { present } = toBench().events;
    const running = present.operate(pull, nothing(), never())[Symbol.asyncIterator]();
    expect((await running.next()).value).toMatchObject({ type: 'head' });
    const asked = collect(present.operate(pull, nothing(), never()));
    present.close('enough');
    const lost = {
      type: 'end',
      failure: { cause: 'unreachable', code: 'engine-unreachable', message: 'node desk was lost: enough' },
    };
    expect((await running.next()).value).toEqual(lost);
    expect((await asked).at(-1)).toEqual(lost);
    expect(await collect(present.operate(pull, nothing(), never()))).toMatchObject([
      { type: 'end', failure: { cause: 'unreachable' } },
    ]);
    await expect(present.load(model, never())).rejects.toMatchObject({ code: 'engine-unreachable' });
    await expect(present.unload(model)).rejects.toMatchObject({ code: 'engine-unreachable' });
  });

  test('drain waits for a running operation', async () => {
    const host = await toBench().join();
    const go = Promise.withResolvers<void>();
    host.onOperate = async function* () {
      yield { type: 'head', status: 200, contentType: 'application/x-ndjson' };
      await go.promise;
      yield { type: 'end' };
    };
    const { events } = toBench();
    const frames: OperationFrame[] = [];
    let drained: Promise<void> | undefined;
    for await (const frame of events.present.operate(pull, nothing(), never())) {
      frames.push(frame);
      if (frame.type !== 'head') continue;
      drained = toBench().link.drain();
      await until(() => events.lanes.size === 0);
      expect(events.link).toBeDefined();
      go.resolve();
    }
    await drained;
    expect(frames.at(-1)).toEqual({ type: 'end' });
    await until(() => events.link === undefined);
  });
}
