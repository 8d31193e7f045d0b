import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../src/cluster/free-port.ts';
import { until } from '../src/cluster/process-cluster.ts';
import { WaggleProcess } from '../src/cluster/waggle-process.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'waggle-starting-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function toOrchestrator(
  name: string,
  config: string | undefined,
  args: readonly string[],
): Promise<WaggleProcess> {
  const file = path.join(folder, `${name}.yaml`);
  if (config !== undefined) await writeFile(file, config);
  return new WaggleProcess({
    main: 'orchestrator/src/main.ts',
    args: [...(config === undefined ? [] : ['--config', file]), '--data', path.join(folder, name), ...args],
    // No engine of this machine is to be found.
    env: { LLAMA_BASE_URL: 'http://127.0.0.1:9' },
  });
}

const seed = `
server:
  host: 0.0.0.0
  port: 3001
  readTimeout: 30
  writeTimeout: 30
  queueSize: 512
  concurrency: 20
mongodb:
  uri: "mongodb://localhost:27017/logs"
nodes:
  - name: NODE_1
    host: 192.0.2.101
    port: 3000
    type: gpu
    platform: linux
    capabilities: [cuda, avx512]
  - name: NODE_2
    host: 192.0.2.102
    port: 3000
    type: cpu
    platform: darwin
    capabilities:
      - neon
`;

const full = `
server:  { host: 127.0.0.1, port: 3001, readTimeout: 30, writeTimeout: 30, queueSize: 512, concurrency: 20 }
cluster: { host: 127.0.0.1, grpcPort: 50051, joinToken: "K10::a-secret-of-some-length", advertise: "192.0.2.2:50051" }
limits:  { maxBodyBytes: 64MiB, heldBytes: 256MiB, lanesPerNode: 1024, firstEventMax: 10m, stallMax: 5m }
mongodb: { uri: "mongodb://localhost:27017/logs", database: logs }
models:  { fast: [qwen3:4b, llama3.2] }
nodes:
  - { name: NODE_1, host: 192.0.2.101, port: 3000, type: gpu, platform: linux, capabilities: [cuda, avx512] }
  - { name: desk, engine: ollama, url: "http://127.0.0.1:9", slots: 1 }
  - { name: big, engine: openai-compatible, url: "http://127.0.0.1:9/v1", apiKeyEnv: BIG_KEY, slots: 32 }
`;

describe('configurations people have start', () => {
  it.each([
    { name: 'none', config: undefined, says: [] },
    { name: 'the seed’s', config: seed, says: ['NODE_1', 'NODE_2', 'cluster.', 'mongodb'] },
    { name: 'the whole', config: full, says: ['NODE_1', 'mongodb'] },
    { name: 'the example', config: 'example', says: [] },
  ])('$name', async ({ name, config, says }) => {
    const text =
      config === 'example' ? await readFile(new URL('../../config.yaml.example', import.meta.url), 'utf8') : config;
    const port = await freePort();
    const args = ['--port', String(port), '--grpc-port', String(await freePort())];
    await using waggle = await toOrchestrator(name, text, args);
    waggle.start();
    await until(async () => (await fetch(`http://127.0.0.1:${port}/health`)).status === 200);
    const status = await fetch(`http://127.0.0.1:${port}/api/cluster/status`);
    expect(status.status).toBe(200);
    await status.body?.cancel();
    await until(async () => says.every((word) => waggle.output.includes(word)));
    expect(waggle.output).not.toContain('a-secret-of-some-length');
    waggle.signal('SIGTERM');
    expect(await waggle.exited()).toBe(0);
  });
});

describe('what a person can mend is one sentence, without a stack', () => {
  /** Output of a process that does not come up. */
  async function refused(waggle: WaggleProcess): Promise<string> {
    waggle.start();
    expect(await waggle.exited()).toBe(1);
    expect(waggle.output).not.toMatch(/\n\s+at |node_modules|Error:/);
    const lines = waggle.output.trim().split('\n');
    expect(lines.length).toBeLessThanOrEqual(2);
    return waggle.output;
  }

  it('an unknown key, by name and line', async () => {
    const said = await refused(await toOrchestrator('unknown-key', 'server:\n  port: 3001\n  prot: 1\n', []));
    expect(said).toContain('server.prot');
    expect(said).toContain('3');
  });

  it('a value that is none', async () => {
    const said = await refused(await toOrchestrator('wrong-value', 'server:\n  port: many\n', []));
    expect(said).toContain('server.port');
    expect(said).toContain('2');
  });

  it('text that is no YAML', async () => {
    expect(await refused(await toOrchestrator('no-yaml', 'server: {port: 3001\n', []))).toMatch(/line|YAML/i);
  });

  it('a file that is not there', async () => {
    const args = ['--config', path.join(folder, 'nowhere.yaml')];
    expect(await refused(await toOrchestrator('no-file', undefined, args))).toContain('nowhere.yaml');
  });

  it('a log file that cannot be written, by its line', async () => {
    const config = `logging:\n  file: ${JSON.stringify(folder)}\n`;
    const said = await refused(await toOrchestrator('no-log', config, ['--port', '0', '--grpc-port', '0']));
    expect(said).toMatch(/no-log\.yaml:2: the log file .+ cannot be written/);
  });

  it('an unknown flag', async () => {
    expect(await refused(await toOrchestrator('flag', undefined, ['--prot', '1']))).toContain('--prot');
  });

  describe('a busy port', () => {
    const taken = createServer();
    let port: number;

    beforeAll(async () => {
      taken.listen(0, '127.0.0.1');
      await once(taken, 'listening');
      ({ port } = taken.address() as { port: number });
    });
    afterAll(() => void taken.close());

    it('of the command line, by its flag', async () => {
      const args = ['--port', String(port), '--grpc-port', '0'];
      const said = await refused(await toOrchestrator('busy-port', undefined, args));
      expect(said).toMatch(`--port: 127.0.0.1:${port} is taken by another program: choose another server.port`);
    });

    it('of the file, by its line', async () => {
      const config = `server:\n  port: ${port}\ncluster: { grpcPort: 0 }\n`;
      const said = await refused(await toOrchestrator('busy-port-of-file', config, []));
      expect(said).toMatch(`busy-port-of-file.yaml:2: 127.0.0.1:${port} is taken`);
    });

    it('for agents', async () => {
      const config = `server: { port: 0 }\ncluster:\n  grpcPort: ${port}\n`;
      const said = await refused(await toOrchestrator('busy-grpc-port', config, []));
      expect(said).toMatch(/busy-grpc-port\.yaml:3: .*cluster\.grpcPort/);
    });
  });
});

it('--help and --version answer at once', async () => {
  for (const [flag, says] of [
    ['--help', '--data'],
    ['--version', '0.'],
  ] as const) {
    const waggle = new WaggleProcess({ main: 'orchestrator/src/main.ts', args: [flag] });
    waggle.start();
    expect(await waggle.exited()).toBe(0);
    expect(waggle.output).toContain(says);
  }
});
