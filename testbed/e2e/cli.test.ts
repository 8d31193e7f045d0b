import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../src/cluster/free-port.ts';
import { EngineCluster } from './engine-cluster.ts';
import { type CliResult, CliTerminal, hasTerminals, runCli } from './run-cli.ts';

const model = 'bees:7b';
let bed: EngineCluster;
const cli = (...args: string[]): Promise<CliResult> => runCli(bed.cluster.url, args);

beforeAll(async () => {
  bed = await EngineCluster.start({
    desk: { ollama: { models: [{ name: model, answer: { kind: 'words', count: 4 } }] } },
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await cli(...args, '--json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('waggle', () => {
  it('status: nodes, lanes and engines', async () => {
    const { code, stdout } = await cli('status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Waggle \d+\.\d+\.\d+ up for/);
    expect(stdout).toMatch(/desk\s+active\s+ollama 0\.\d+\.\d+\s+0 busy, \d+ free/);
    expect(await json('status')).toMatchObject({ nodes: [{ name: 'desk', state: 'active' }] });
  });

  it('models: each with its nodes', async () => {
    const { stdout } = await cli('models');
    expect(stdout).toMatch(/bees:7b\s+\w+\s.*desk/);
    expect(await json('models')).toMatchObject({ models: [{ name: model, places: [{ node: 'desk' }] }] });
  });

  it('chat: asked on the command line, by a pipe, and as JSON lines', async () => {
    const asked = await cli('chat', model, 'hello');
    expect([asked.code, asked.stdout.trim().split(' ').length]).toEqual([0, 4]);
    const piped = await runCli(bed.cluster.url, ['chat', model], { input: 'hello' });
    expect(piped).toEqual(asked);
    const lines = (await cli('chat', model, 'hello', '--json')).stdout.trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ model, done: true });
  });

  it('requests: why one went where it did', async () => {
    await cli('chat', model, 'hello');
    const { requests } = (await json('requests', '--model', model)) as { requests: { requestId: string }[] };
    const id = requests[0]?.requestId ?? '';
    expect((await cli('requests', id)).stdout).toContain('desk');
    expect(await json('requests', id)).toMatchObject({ requestId: id, state: 'done', node: 'desk' });
  });

  it('pull: says in words why it failed, and ends with 1', async () => {
    const { code, stdout, stderr } = await cli('pull', 'nothing/like-this');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/nothing\/like-this|does not exist|not found/);
  });

  it('doctor: all well is 0, one without an orchestrator is 1 and says how to mend it', async () => {
    const well = await cli('doctor');
    expect(well.stdout).toMatch(/orchestrator\s+Waggle .* at/);
    expect([well.code, /✗/.test(well.stdout)]).toEqual([0, false]);
    const alone = await runCli(`http://127.0.0.1:${await freePort()}`, ['doctor']);
    expect(alone.code).toBe(1);
    expect(alone.stdout).toMatch(/✗ orchestrator.*\n\s+start one with npm start/);
  });

  it.each([
    ['an unknown model', ['chat', 'nope', 'hello'], /model 'nope' not found/],
    ['an unknown request', ['requests', 'nope'], /nope/],
    ['a node nobody knows', ['pull', `${model}@nowhere`], /^there is no node called 'nowhere'$/m],
    ['a count that is none', ['requests', '--limit', 'abc'], /must be a whole number from 1 to 1000; --help/],
    ['an unknown flag', ['models', '--fly'], /^unknown option '--fly'; --help shows what there is$/m],
    ['an unknown command', ['statsu'], /^unknown command 'statsu' \(Did you mean status\?\); --help/],
    ['no model', ['chat'], /^missing required argument 'model'/],
  ])('%s: one sentence and 1, as JSON where that is asked for', async (_, args, message) => {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 1]);
    expect(stderr).toMatch(message);
    const asJson = await cli(...args, '--json');
    expect([asJson.code, asJson.stderr, JSON.parse(asJson.stdout)]).toEqual([1, '', { error: stderr.trim() }]);
  });

  it('without an orchestrator: one sentence and 1', async () => {
    for (const command of ['status', 'models', 'requests']) {
      const { code, stdout, stderr } = await runCli(`http://127.0.0.1:${await freePort()}`, [command]);
      expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 1]);
      expect(stderr).not.toMatch(/^\s+at /m);
    }
  });

  it('--help has examples for each command', async () => {
    const { stdout: list } = await cli('--help');
    expect(list).toContain('Examples:');
    const names = [...list.matchAll(/^ {2}([a-z]+)(?:\|[a-z]+)?(?: \S+)* {2,}/gm)].map(([, name = '']) => name);
    expect(names).toEqual(expect.arrayContaining(['up', 'join', 'run', 'rm', 'load', 'unload', 'config', 'init']));
    for (const command of names.filter((name) => name !== 'help' && name !== 'waggle')) {
      const { code, stdout } = await cli(command, '--help');
      expect([command, code, stdout.includes('Examples:')]).toEqual([command, 0, true]);
    }
  });
});

interface Stranger extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
}

async function serve(listener: RequestListener): Promise<Stranger> {
  const server = createServer(listener).listen(0);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const commands = [['status'], ['models'], ['requests'], ['chat', model, 'hello'], ['pull', model]];

describe('what answers is no Waggle', () => {
  it.each<[string, RequestListener]>([
    ['a web page', (_, response) => response.end('<html></html>')],
    ['JSON of something else', (_, response) => response.setHeader('server', 'uvicorn').end('{"models":[]}')],
    ['a 404', (_, response) => response.writeHead(404).end('404 page not found')],
    ['no JSON, in its name', (_, response) => response.setHeader('server', 'waggle').end('hello')],
    ['another shape, in its name', (_, response) => response.setHeader('server', 'waggle').end('[]')],
    ['no HTTP', ({ socket }) => socket.end('SSH-2.0-OpenSSH_9.9\r\n')],
  ])('%s: one sentence and 1', async (_, listener) => {
    await using stranger = await serve(listener);
    for (const command of commands) {
      const { code, stdout, stderr } = await runCli(stranger.url, command);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^something else answers at http:\/\/127.*; say where Waggle is with --url\n$/);
    }
    const doctor = await runCli(stranger.url, ['doctor']);
    expect([doctor.code, doctor.stderr]).toEqual([1, '']);
    expect(doctor.stdout).toMatch(/✗ orchestrator\s+something else answers at/);
  });

  it.each<[string, RequestListener]>([
    ['before', () => {}],
    ['within', (_, response) => response.writeHead(200, { server: 'waggle' }).write('{')],
  ])('one that hangs %s its answer: one sentence and 1', { timeout: 30_000 }, async (_, listener) => {
    await using stranger = await serve(listener);
    const [status, doctor] = await Promise.all([runCli(stranger.url, ['status']), runCli(stranger.url, ['doctor'])]);
    expect([status.code, status.stdout]).toEqual([1, '']);
    expect(status.stderr).toMatch(/^nothing came from http:.*--url\n$/);
    expect([doctor.code, doctor.stderr]).toEqual([1, '']);
    expect(doctor.stdout).toMatch(/✗ orchestrator\s+nothing came from/);
  });

  it('an answer that breaks off: one sentence and 1', async () => {
    await using stranger = await serve((_, response) => {
      response.writeHead(200, { server: 'waggle' }).write('{"message":{"content":"a"}}\n', () => response.destroy());
    });
    const { code, stderr } = await runCli(stranger.url, ['chat', model, 'hello']);
    expect([code, stderr]).toEqual([1, `Waggle at ${stranger.url} broke off its answer\n`]);
  });
});

describe('the address', () => {
  it('may come without http://; what is none is said', async () => {
    const bare = bed.cluster.url.replace('http://', '');
    expect((await runCli(bare, ['status'])).code).toBe(0);
    expect((await runCli('', ['status', '--url', bare.replace('127.0.0.1', 'localhost')])).code).toBe(0);
    for (const wrong of ['ftp://server', 'a b']) {
      const { code, stderr } = await runCli(wrong, ['status']);
      expect([code, stderr]).toEqual([1, `'${wrong}' is no address of a Waggle; one looks like http://server:3001\n`]);
    }
  });

  // 0.0.0.0 leads to this machine and is no loopback address; Windows does not let it be dialled.
  it.skipIf(process.platform === 'win32')('decides whether the token of this machine is sent', async () => {
    const seen: (string | undefined)[] = [];
    await using stranger = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end();
    });
    const folder = mkdtempSync(path.join(tmpdir(), 'waggle-cli-'));
    try {
      writeFileSync(path.join(folder, 'admin-token'), 'kept\n');
      const env = { WAGGLE_DATA: folder };
      const far = `http://0.0.0.0:${stranger.port}`;
      for (const near of ['127.0.0.1', '127.0.0.2', 'localhost'])
        await runCli(`http://${near}:${stranger.port}`, ['models'], { env });
      await runCli(far, ['models'], { env });
      await runCli(`http://127.0.0.1@0.0.0.0:${stranger.port}`, ['models'], { env });
      await runCli(far, ['models', '--token', 'given'], { env });
      await runCli(far, ['models'], { env: { ...env, WAGGLE_ADMIN_TOKEN: 'set' } });
    } finally {
      rmSync(folder, { recursive: true });
    }
    const kept = 'Bearer kept';
    expect(seen).toEqual([kept, kept, kept, undefined, undefined, 'Bearer given', 'Bearer set']);
  });
});

it('a reader that stops reading ends it quietly', async () => {
  const { code, stderr } = await runCli(bed.cluster.url, ['status', '--json', '--watch'], { stopReading: true });
  expect([code, stderr]).toEqual([0, '']);
});

// Needs util-linux, which plays the terminal; the other tests run everywhere.
describe.skipIf(!hasTerminals)('waggle chat on a terminal', () => {
  const ctrlC = '\x03';

  it('Ctrl-C stops the answer only; at the prompt it ends', async () => {
    await using endless = await EngineCluster.start({
      desk: { ollama: { models: [{ name: model, answer: { kind: 'endless' }, decodeMsPerToken: 5 }] } },
    });
    using terminal = new CliTerminal(endless.cluster.url, ['chat', model]);
    await terminal.shows('> ');
    for (const round of [1, 2]) {
      terminal.type(`round ${round}\r`);
      await terminal.shows('w3 ', round);
      terminal.type(ctrlC);
      await terminal.shows('> ', round + 1);
    }
    const { requests } = endless.engine('desk');
    await requests.waitFor((record) => record.outcome === 'client-gone');
    terminal.type(ctrlC);
    expect(await terminal.exited).toBe(0);
  });

  it('what was said before goes with each question; a failed one is said, and forgotten', async () => {
    const asked: string[] = [];
    const answer: (...exchange: Parameters<RequestListener>) => Promise<void> = async (request, response) => {
      asked.push(await readText(request));
      response.setHeader('server', 'waggle');
      if (asked.length === 1) response.writeHead(503).end('{"error":"no lane is free"}');
      else response.end('{"message":{"content":"sweet"},"done":true}\n');
    };
    await using waggle = await serve((request, response) => void answer(request, response));
    using terminal = new CliTerminal(waggle.url, ['chat', model]);
    await terminal.shows('> ');
    terminal.type('first\r');
    await terminal.shows('no lane is free');
    await terminal.shows('> ', 2);
    terminal.type('second\r');
    await terminal.shows('sweet');
    await terminal.shows('> ', 3);
    terminal.type('third\r');
    await terminal.shows('sweet', 2);
    await terminal.shows('> ', 4);
    terminal.type(ctrlC);
    expect(await terminal.exited).toBe(0);
    expect(asked.map((body) => (JSON.parse(body) as { messages: unknown }).messages)).toEqual([
      [{ role: 'user', content: 'first' }],
      [{ role: 'user', content: 'second' }],
      [
        { role: 'user', content: 'second' },
        { role: 'assistant', content: 'sweet' },
        { role: 'user', content: 'third' },
      ],
    ]);
  });
});
