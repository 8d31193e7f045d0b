import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../src/cluster/free-port.ts';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { EngineCluster } from './engine-cluster.ts';
import { CliTerminal, hasTerminals, runCli } from './run-cli.ts';

let bed: EngineCluster;
let agentPort: number;

beforeAll(async () => {
  agentPort = await freePort();
  bed = await EngineCluster.start(
    { desk: { ollama: { models: [{ name: 'bees:7b' }] } } },
    { config: `nodes: [{ name: attic, host: 127.0.0.1, port: ${agentPort} }]\n` },
  );
});
afterAll(() => bed?.[Symbol.asyncDispose]());

describe('a node of the configuration that has not joined', () => {
  it('is in the status, with the reason', async () => {
    const { stdout } = await runCli(bed.url, ['status']);
    expect(stdout).toMatch(
      new RegExp(`attic\\s+unreachable\\s+127.0.0.1:${agentPort}\\s+nothing answers at .+; start`),
    );
    const { stdout: json } = await runCli(bed.url, ['status', '--json']);
    expect(JSON.parse(json)).toMatchObject({ expected: [{ name: 'attic', state: 'unreachable' }] });
  });

  it('is a warning of the doctor, with what to do', async () => {
    const { code, stdout } = await runCli(bed.url, ['doctor']);
    expect(stdout).toMatch(
      /! attic\s+is in the configuration .+ has not joined: unreachable\n\s+nothing answers at .+; start/,
    );
    expect(code).toBe(0);
  });
});

describe('the doctor', () => {
  it('says what LLAMA_BASE_URL does', async () => {
    const url = bed.engine('desk').url;
    const set = await runCli(bed.url, ['doctor'], { env: { LLAMA_BASE_URL: `${url}/api` } });
    expect(set.stdout).toMatch(
      /✓ LLAMA_BASE_URL is set: http.+ is the only engine that is used, no others are looked for/,
    );
    expect(set.stdout).toMatch(/✓ Ollama\s+answers at 127/);
    expect([set.code, set.stdout.includes('vLLM')]).toEqual([0, false]);
    const dead = await runCli(bed.url, ['doctor'], {
      env: { LLAMA_BASE_URL: `http://127.0.0.1:${await freePort()}/v1` },
    });
    expect(dead.stdout).toMatch(/✗ engine\s+nothing answers at .+\n.+LLAMA_BASE_URL/);
    expect(dead.code).toBe(1);
    const wrong = await runCli(bed.url, ['doctor'], { env: { LLAMA_BASE_URL: 'ftp://desk' } });
    expect(wrong.stdout).toMatch(/✗ LLAMA_BASE_URL must begin with http/);
    expect(wrong.code).toBe(1);
  });

  it('misses no models of the built-in engine where another has some', async () => {
    const { url } = bed.engine('desk');
    await using cluster = await ProcessCluster.start({ agents: [{ name: 'both', env: { OLLAMA_HOST: url } }] });
    const counts = async () => (await cluster.node('both'))?.engines.map(({ kind, models }) => `${kind}: ${models}`);
    await until(async () => (await counts())?.toSorted().join() === 'builtin: 0,ollama: 1');
    const { stdout } = await runCli(cluster.url, ['doctor']);
    expect(stdout).toMatch(/✓ both\s+builtin: 0 models$/m);
    expect(stdout).not.toContain('waggle pull');
  });

  it('says what OLLAMA_HOST does, and that it may name Waggle', async () => {
    const set = await runCli(bed.url, ['doctor'], { env: { OLLAMA_HOST: bed.engine('desk').url } });
    expect(set.stdout).toMatch(/✓ OLLAMA_HOST\s+is set: Ollama is looked for at http/);
    expect(set.stdout).toMatch(/✓ Ollama\s+answers at 127/);
    const own = await runCli(bed.url, ['doctor'], { env: { OLLAMA_HOST: bed.url } });
    expect([own.code, own.stdout]).toEqual([0, expect.stringMatching(/! OLLAMA_HOST\s+names Waggle .+ an agent/)]);
  });

  it('finds a gRPC port that is taken, where no orchestrator answers', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const url = `http://127.0.0.1:${await freePort()}`;
    const found = await runCli(url, ['doctor'], { env: { WAGGLE_GRPC_PORT: String(port) } });
    taken.close();
    await once(taken, 'close');
    expect(found.stdout).toMatch(
      new RegExp(`✗ gRPC port\\s+${port}, for agents, is taken by another program\\n.+--grpc-port`),
    );
    const free = await runCli(url, ['doctor'], { env: { WAGGLE_GRPC_PORT: String(port) } });
    expect(free.stdout).toMatch(new RegExp(`✓ gRPC port\\s+${port}`));
  });
});

it('--watch of one that is not there is an error at once', async () => {
  const { code, stderr } = await runCli(`http://127.0.0.1:${await freePort()}`, ['status', '--watch']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('no Waggle answers at')]);
});

// Needs util-linux, which plays the terminal.
describe.skipIf(!hasTerminals)('waggle status --watch on a terminal', () => {
  const home = '\x1b[H';

  it('is drawn again in place, waits for an orchestrator that went away, and ends with Ctrl-C and 0', async () => {
    using terminal = new CliTerminal(bed.url, ['status', '--watch']);
    await terminal.shows(`${home}Waggle `, 3);
    await bed.cluster.orchestrator.kill('SIGKILL');
    await terminal.shows(`${home}no Waggle answers at ${bed.url}`, 2);
    const seen = terminal.count(`${home}Waggle `);
    bed.cluster.orchestrator.start();
    await bed.cluster.ready(1);
    await terminal.shows(`${home}Waggle `, seen + 2);
    // The screen is cleared once; after that lines are written over.
    expect(terminal.count('\x1b[2J')).toBe(1);
    terminal.type('\x03');
    expect(await terminal.exited).toBe(0);
  });
});
