import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { startOllamaEngine } from '../src/engines/ollama/start-ollama-engine.ts';
import type { ScriptedEngine } from '../src/engines/scripted-engine.ts';
import { postChat } from './post-chat.ts';

const words = { name: 'words', answer: { kind: 'words', count: 12 } } as const;

/** A proxy as people put it in front of a server: it hands everything on and says its own name. */
class Proxy implements AsyncDisposable {
  readonly posts: string[] = [];
  /** Port of the server behind it. */
  targetPort = '';
  readonly #server: Server;

  /** `models`: it lists these itself, and hands nothing on but what generates. */
  private constructor(models: readonly string[] | undefined) {
    this.#server = createServer((incoming, outgoing) => {
      const { method = 'GET', url = '/', headers } = incoming;
      if (method === 'GET' && models !== undefined) {
        outgoing.writeHead(url === '/v1/models' ? 200 : 404);
        outgoing.end(JSON.stringify({ object: 'list', data: models.map((id) => ({ id, object: 'model' })) }));
        return;
      }
      if (method === 'POST') this.posts.push(url);
      const target = { host: '127.0.0.1', port: this.targetPort, method, path: url, headers };
      const passed = request(target, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, server: 'proxy' });
        answer.pipe(outgoing);
      });
      passed.on('error', () => outgoing.destroy());
      incoming.pipe(passed);
    });
  }

  static async start(models?: readonly string[]): Promise<Proxy> {
    const proxy = new Proxy(models);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

describe('an engine that is a proxy in front of Waggle', () => {
  let engine: ScriptedEngine;
  let sly: Proxy;
  let plain: Proxy;
  let cluster: ProcessCluster;

  beforeAll(async () => {
    engine = await startOllamaEngine({ models: [words] });
    sly = await Proxy.start(['words', 'mirage']);
    plain = await Proxy.start();
    cluster = await ProcessCluster.start({
      agents: [
        { name: 'desk', engineUrl: engine.url },
        { name: 'sly', engineUrl: `${sly.url}/v1` },
        { name: 'open', engineUrl: `${plain.url}/v1` },
      ],
      nodes: 2,
      config: `nodes:\n  - { name: inner, engine: openai-compatible, url: "${plain.url}/v1" }\n`,
    });
    for (const proxy of [sly, plain]) proxy.targetPort = new URL(cluster.url).port;
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    for (const part of [engine, sly, plain]) await part?.[Symbol.asyncDispose]();
  });

  it('ends the request in words, in the dialect of its client, after one round', async () => {
    const before = sly.posts.length;
    const answer = await postChat(cluster.url, { model: 'mirage' });
    expect([answer.status, answer.json()]).toEqual([508, { error: expect.stringContaining('leads back here') }]);
    expect(sly.posts.slice(before)).toEqual(['/v1/chat/completions']);
    const openai = await fetch(`${cluster.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'mirage', messages: [{ role: 'user', content: 'Hello' }] }),
    });
    expect(openai.status).toBe(508);
    expect(await openai.json()).toMatchObject({ error: { message: expect.stringContaining('leads back here') } });
    expect(sly.posts.slice(before)).toHaveLength(2);
  });

  it('does no harm to requests that a true engine can answer', async () => {
    for (let count = 0; count < 30; count++) {
      const answer = await postChat(cluster.url, { model: 'words' });
      expect([answer.status, answer.headers['x-waggle-node']]).toEqual([200, 'desk']);
    }
  });

  it.each(['open', 'inner'])('is found out when it is asked for its models (%s)', async (name) => {
    type Row = { readonly name: string; readonly engines: readonly { readonly problem?: string }[] };
    await until(async () => {
      const { nodes } = await cluster.get<{ nodes: readonly Row[] }>('/api/nodes');
      const [found] = nodes.find((row) => row.name === name)?.engines ?? [];
      return found?.problem?.includes('leads back to the very cluster') === true;
    });
  });
});
