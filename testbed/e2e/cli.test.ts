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
  ])('%s: one sentence and 1', async (_, args, message) => {
    const { code, stderr } = await cli(...args);
    expect([code, stderr.trim().split('\n').length]).toEqual([1, 1]);
    expect(stderr).toMatch(message);
  });

  it('without an orchestrator: one sentence and 1', async () => {
    for (const command of ['status', 'models', 'requests']) {
      const { code, stdout, stderr } = await runCli(`http://127.0.0.1:${await freePort()}`, [command]);
      expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 1]);
      expect(stderr).not.toMatch(/^\s+at /m);
    }
  });

  it('--help has examples for each command; an unknown command is 1', async () => {
    for (const command of ['up', 'join', 'status', 'models', 'pull', 'chat', 'requests', 'doctor']) {
      const { code, stdout } = await cli(command, '--help');
      expect([code, stdout.includes('Examples:')]).toEqual([0, true]);
    }
    expect((await cli('fly')).code).toBe(1);
  });
});

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
});
