import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineCluster } from './engine-cluster.ts';
import { CliTerminal, hasTerminals, runCli } from './run-cli.ts';

let bed: EngineCluster;

beforeAll(async () => {
  const words = { kind: 'words', count: 4 } as const;
  bed = await EngineCluster.start({
    desk: {
      ollama: {
        models: [
          { name: 'bees:7b', answer: words },
          { name: 'old:1b', answer: words },
          { name: 'older:1b', answer: words },
          { name: 'nearby:33m', capabilities: ['embedding'] },
        ],
        pullable: [
          { name: 'wasps:1b', answer: words },
          { name: 'ants:1b', answer: words },
        ],
      },
    },
  });
});
afterAll(() => bed?.[Symbol.asyncDispose]());

const cli = (...args: string[]) => runCli(bed.url, args);

async function namesOf(route: '/api/tags' | '/api/ps'): Promise<string[]> {
  return (await bed.cluster.get<{ models: { name: string }[] }>(route)).models.map(({ name }) => name).toSorted();
}

describe('waggle run', () => {
  it('answers a prompt, and what is piped in before it', async () => {
    const asked = await cli('run', 'bees:7b', 'hello');
    expect([asked.code, asked.stdout.trim().split(' ').length]).toEqual([0, 4]);
    const both = await runCli(bed.url, ['run', 'bees:7b', 'what', 'is it?'], { input: 'a letter\n' });
    expect(both.code).toBe(0);
    const { body } = bed.engine('desk').requests.all.at(-1) ?? {};
    expect(body).toMatchObject({ messages: [{ role: 'user', content: 'a letter\n\nwhat is it?' }] });
  });

  it('pulls what no node has, then answers', async () => {
    const { code, stdout } = await cli('run', 'wasps:1b', 'hello');
    expect([code, stdout.trim().split(' ').length]).toEqual([0, 4]);
    expect(await namesOf('/api/tags')).toContain('wasps:1b');
    const lines = (await cli('run', 'ants:1b', 'hello', '--json')).stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ status: 'success' }),
        expect.objectContaining({ model: 'ants:1b', done: true }),
      ]),
    );
  });

  it('what cannot be pulled either, and no question at all, are a sentence and 1', async () => {
    const missing = await cli('run', 'nothing/like-this', 'hello');
    expect([missing.code, missing.stdout]).toEqual([1, '']);
    expect(missing.stderr).toMatch(/nothing\/like-this|does not exist|not found/);
    expect(await cli('run', 'bees:7b')).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^there is nothing to ask/),
    });
  });

  // Needs util-linux, which plays the terminal.
  it.skipIf(!hasTerminals)('on a terminal is a conversation, which /bye ends', async () => {
    using terminal = new CliTerminal(bed.url, ['run', 'bees:7b']);
    await terminal.shows('> ');
    terminal.type('hello\r');
    await terminal.shows('> ', 2);
    terminal.type('/bye\r');
    expect(await terminal.exited).toBe(0);
  });
});

it('load brings a model into memory, unload and stop take it out', async () => {
  expect(await cli('load', 'old:1b', '--keep-alive', '1h')).toMatchObject({ code: 0, stdout: 'old:1b is loaded\n' });
  expect(await namesOf('/api/ps')).toContain('old:1b');
  expect(await cli('unload', 'old:1b')).toMatchObject({ code: 0 });
  await expect.poll(() => namesOf('/api/ps')).not.toContain('old:1b');
  expect(JSON.parse((await cli('load', 'old:1b@desk', '--json')).stdout)).toEqual({
    model: 'old:1b@desk',
    status: 'loaded',
  });
  expect(JSON.parse((await cli('stop', 'old:1b', '--json')).stdout)).toEqual({ model: 'old:1b', status: 'unloaded' });
  await expect.poll(() => namesOf('/api/ps')).not.toContain('old:1b');
  expect(await cli('load', 'old:1b', '--keep-alive', 'soon')).toMatchObject({ code: 1, stdout: '' });
});

it('load knows models that only embed', async () => {
  expect(await cli('load', 'nearby:33m')).toMatchObject({ code: 0, stdout: 'nearby:33m is loaded\n' });
  expect(await namesOf('/api/ps')).toContain('nearby:33m');
});

it('rm deletes all it is told to', async () => {
  expect(await cli('rm', 'old:1b', 'older:1b@desk')).toEqual({
    code: 0,
    stdout: 'old:1b is deleted\nolder:1b@desk is deleted\n',
    stderr: '',
  });
  expect(await namesOf('/api/tags')).not.toEqual(expect.arrayContaining([expect.stringContaining('old')]));
});

it.each(['rm', 'load', 'unload', 'stop'])('%s of a model nobody has is a sentence and 1', async (command) => {
  const { code, stdout, stderr } = await cli(command, 'nope');
  expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 1]);
  expect(stderr).toMatch(/model 'nope' not found/);
  const asJson = await cli(command, 'nope', '--json');
  expect([asJson.code, JSON.parse(asJson.stdout)]).toEqual([1, { error: stderr.trim() }]);
});
