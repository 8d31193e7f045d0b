import { createHash } from 'node:crypto';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { FileEngine } from './file-engine.ts';

const mebibyte = 1024 * 1024;
const part = Buffer.alloc(mebibyte, 'waggle');

function digestOf(mebibytes: number): string {
  const hash = createHash('sha256');
  for (let count = 0; count < mebibytes; count++) hash.update(part);
  return `sha256:${hash.digest('hex')}`;
}

/** A file that is sent as fast as it is taken. */
class Upload {
  readonly request: ClientRequest;
  readonly answer: Promise<{ readonly status: number; readonly text: string }>;
  sent = 0;

  constructor(url: string, { digest, mebibytes, chunked }: { digest: string; mebibytes: number; chunked: boolean }) {
    const headers: Record<string, string> = chunked ? {} : { 'content-length': String(mebibytes * mebibyte) };
    this.request = request(`${url}/api/blobs/${digest}`, { method: 'POST', agent: false, headers });
    this.answer = new Promise((resolve, reject) => {
      this.request.on('response', (response) => resolve(readAnswer(response)));
      this.request.on('error', reject);
    });
    this.answer.catch(() => {});
    const send = () => {
      while (this.sent < mebibytes) {
        this.sent++;
        if (!this.request.write(part)) return;
      }
      this.request.end();
    };
    this.request.on('drain', send);
    send();
  }
}

async function readAnswer(response: IncomingMessage): Promise<{ readonly status: number; readonly text: string }> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
}

describe('making models', () => {
  let engine: FileEngine;
  let cluster: ProcessCluster;

  beforeEach(async () => {
    engine = await FileEngine.start();
    cluster = await ProcessCluster.start({ agents: [{ name: 'desk', engineUrl: engine.url }] });
  });
  afterEach(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  const create = () =>
    fetch(`${cluster.url}/api/create`, { method: 'POST', body: JSON.stringify({ model: 'made', from: 'base' }) });

  it.each([false, true])('a file goes through no faster than the engine takes it (chunked: %s)', async (chunked) => {
    const mebibytes = 96;
    engine.stop();
    const upload = new Upload(cluster.url, { digest: digestOf(mebibytes), mebibytes, chunked });
    await until(async () => engine.works.length === 1);
    // It stands still once every buffer on the way is full.
    let before = -1;
    await until(async () => {
      const isStill = upload.sent === before;
      before = upload.sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return isStill;
    });
    expect(upload.sent).toBeLessThan(mebibytes / 2);
    engine.goOn();
    expect(await upload.answer).toEqual({ status: 201, text: '' });
    expect(engine.works).toMatchObject([{ bytes: mebibytes * mebibyte, end: 'whole' }]);
    const again = new Upload(cluster.url, { digest: digestOf(1), mebibytes: 2, chunked });
    expect(await again.answer).toMatchObject({ status: 400, text: expect.stringContaining('digest mismatch') });
  });

  it('a client that leaves in the middle of a file, or of a create, ends it at the engine', async () => {
    const upload = new Upload(cluster.url, { digest: digestOf(1), mebibytes: 1, chunked: true });
    upload.request.flushHeaders();
    await upload.answer;
    const leaving = request(`${cluster.url}/api/blobs/${digestOf(2)}`, { method: 'POST', agent: false });
    leaving.on('error', () => {});
    leaving.write(part);
    await until(async () => engine.works[1]?.bytes === mebibyte);
    leaving.destroy();
    await until(async () => engine.works[1]?.end === 'broken');

    engine.stop();
    const controller = new AbortController();
    const { signal } = controller;
    const body = JSON.stringify({ model: 'made', from: 'base' });
    const response = await fetch(`${cluster.url}/api/create`, { method: 'POST', body, signal });
    expect(response.status).toBe(200);
    controller.abort();
    await until(async () => engine.works[2]?.end === 'broken');
    engine.goOn();
    // Nobody is in the way of the next.
    expect(await (await create()).text()).toContain('"success"');
  });

  it('a node that dies in the middle is named', async () => {
    engine.stop();
    const upload = new Upload(cluster.url, { digest: digestOf(64), mebibytes: 64, chunked: true });
    const creating = await create();
    await until(async () => engine.works.length === 2);
    await cluster.agent('desk').kill();
    expect(await upload.answer).toMatchObject({ status: 502, text: expect.stringMatching(/node desk was lost/) });
    const lines = (await creating.text()).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      { status: 'parsing GGUF', node: 'desk' },
      { error: expect.stringMatching(/node desk was lost/), node: 'desk' },
    ]);
    engine.goOn();
    await until(async () => engine.works.every(({ end }) => end === 'broken'));
  });
});
