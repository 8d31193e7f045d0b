import type { OperationFrame } from '@waggle/shared/cluster/operation.ts';
import { describe, expect, it } from 'vitest';
import { deleteModel } from './delete-model.ts';
import { OperationRunner } from './operation-runner.ts';
import { pullTarget } from './places.ts';
import { type ReportLine, runReported } from './run-reported.ts';
import { answering, type ScriptedNode, scriptedCluster, unreachable } from './scripted-nodes.ts';
import { showModel } from './show-model.ts';

const tiny = { name: 'tiny:latest' };
const vllm = { kind: 'vllm', dialect: 'openai' } as const;

function setUp(nodes: readonly ScriptedNode[], aliases: Record<string, string[]> = {}) {
  const { registry, links } = scriptedCluster(nodes);
  const cluster = { registry, aliases: () => new Map(Object.entries(aliases)) };
  return { cluster, links, runner: new OperationRunner(() => 4), signal: new AbortController().signal };
}

const bodiesOf = (link: { readonly requests: readonly { readonly bodyJson: string }[] } | undefined) =>
  link?.requests.map((request) => JSON.parse(request.bodyJson));

describe('showModel', () => {
  it('asks another place when one cannot be reached, with the name the engine has for it', async () => {
    const deps = setUp([
      { name: 'a', models: [{ ...tiny, state: 'hot' }], script: unreachable },
      { name: 'b', models: [tiny], script: answering(200, '{"license"', ':""}') },
    ]);
    const shown = await showModel('TINY', { name: 'TINY', verbose: true }, deps);
    expect(shown).toMatchObject({ form: 'answer', answer: { status: 200 } });
    expect(shown.form === 'answer' && shown.answer.body.toString()).toBe('{"license":""}');
    expect(bodiesOf(deps.links['a'])).toHaveLength(1);
    expect(bodiesOf(deps.links['b'])).toEqual([{ verbose: true, model: 'tiny:latest' }]);
  });

  it('describes a model by its report where the engine has no such call', async () => {
    const deps = setUp([{ name: 'a', models: [{ name: 'qwen' }], engine: vllm }]);
    expect(await showModel('qwen', {}, deps)).toMatchObject({ form: 'report', place: { name: 'qwen' } });
  });

  it('says when nobody knows the model, and when nobody can be asked', async () => {
    const deps = setUp([{ name: 'a', models: [tiny], script: unreachable }]);
    await expect(showModel('absent', {}, deps)).rejects.toMatchObject({ code: 'model-not-found' });
    await expect(showModel('tiny', {}, deps)).rejects.toMatchObject({ code: 'engine-unreachable' });
  });
});

describe('deleteModel', () => {
  it('deletes everywhere, and on one node where the name says so', async () => {
    const nodes = ['a', 'b'].map((name) => ({ name, models: [tiny] }));
    const everywhere = setUp(nodes);
    await deleteModel('tiny', everywhere);
    expect([everywhere.links['a'], everywhere.links['b']].map((link) => bodiesOf(link))).toEqual([
      [{ model: 'tiny:latest' }],
      [{ model: 'tiny:latest' }],
    ]);
    const once = setUp(nodes);
    await deleteModel('tiny@b', once);
    expect([once.links['a']?.requests.length, once.links['b']?.requests.length]).toEqual([0, 1]);
  });

  it('names the nodes that have it still', async () => {
    const deps = setUp([
      { name: 'a', models: [tiny] },
      { name: 'b', models: [tiny], script: answering(500, '{"error":"disk is read-only"}') },
    ]);
    await expect(deleteModel('tiny', deps)).rejects.toThrow("'tiny' is still on 1 of 2 nodes (b: disk is read-only)");
  });

  it('refuses an alias, and deletes nothing of what it leads to', async () => {
    const aliases = { fast: ['tiny'], tiny: ['other'] };
    const deps = setUp([{ name: 'a', models: [tiny] }], aliases);
    for (const name of ['fast', 'FAST:latest', 'fast@a']) {
      const error = { code: 'bad-request', message: expect.stringMatching(/alias .* for tiny;/) };
      await expect(deleteModel(name, deps)).rejects.toMatchObject(error);
    }
    expect(deps.links['a']?.requests).toEqual([]);
    await deleteModel('tiny', deps);
    expect(deps.links['a']?.requests).toHaveLength(1);
  });

  it('takes a model that is gone already for deleted', async () => {
    await deleteModel('tiny', setUp([{ name: 'a', models: [tiny], script: answering(404, '{"error":"gone"}') }]));
  });

  it('refuses where the engine was started with its model', async () => {
    const deps = setUp([{ name: 'a', models: [{ name: 'qwen' }], engine: vllm }]);
    await expect(deleteModel('qwen', deps)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('vllm'),
    });
  });
});

describe('pullTarget', () => {
  const nodes: ScriptedNode[] = [
    { name: 'small', memoryAvailableBytes: 1e9 },
    { name: 'large', memoryAvailableBytes: 9e9 },
    { name: 'gpu', memoryAvailableBytes: 1e9, vramBytes: 24e9 },
    { name: 'vllm', memoryAvailableBytes: 99e9, engine: vllm },
  ];
  const enginesOf = (name: string, choice: Parameters<typeof pullTarget>[1], given = nodes) =>
    pullTarget(name, choice, setUp(given).cluster).engines.map((engine) => engine.node.name);

  it.each([
    ['the largest graphics memory', nodes, ['gpu']],
    ['the most free memory', nodes.slice(0, 2), ['large']],
    ['whoever has it already', [{ ...nodes[0], name: 'small', models: [tiny] }, ...nodes.slice(1)], ['small']],
  ] satisfies [string, ScriptedNode[], string[]][])('prefers %s', (_reason, given, expected) => {
    expect(enginesOf('tiny', 'best', given)).toEqual(expected);
  });

  it('goes where it is told', () => {
    expect(enginesOf('tiny', 'all')).toEqual(['small', 'large', 'gpu']);
    expect(enginesOf('tiny', ['gpu', 'small', 'gpu'])).toEqual(['gpu', 'small']);
    expect(enginesOf('tiny@small', 'best')).toEqual(['small']);
    expect(pullTarget('tiny@small', 'best', setUp(nodes).cluster).model).toBe('tiny');
  });

  it('refuses nodes that are not there or cannot pull', () => {
    expect(() => enginesOf('tiny', ['nowhere'])).toThrow("there is no node called 'nowhere'");
    expect(() => enginesOf('tiny@nowhere', 'best')).toThrow("there is no node called 'nowhere'");
    expect(() => enginesOf('tiny@sha256:0123', 'best')).not.toThrow();
    expect(() => enginesOf('tiny', ['vllm'])).toThrow("node 'vllm' has no engine that can pull models now");
    expect(() => enginesOf('tiny', 'best', [])).toThrow('no node has an engine that can pull');
  });
});

describe('runReported', () => {
  const pulled = answering(200, '{"status":"pulling manifest"}\n{"sta', 'tus":"success"}\n');
  const refusing = answering(400, '{"error":"no \\"such\\" model"}');
  const pull = async (nodes: ScriptedNode[], stream = true) => {
    const deps = setUp(nodes);
    const { model, engines } = pullTarget('tiny', 'all', deps.cluster);
    const tasks = engines.map((engine) => {
      return { engine, operation: { name: 'pull', body: { insecure: true, model } } } as const;
    });
    const answer = await runReported(tasks, stream, deps);
    const lines: ReportLine[] = answer.form === 'lines' ? await Array.fromAsync(answer.lines) : [];
    return { answer, lines, links: deps.links };
  };

  it("passes one node's lines on, with its name", async () => {
    const { lines, links } = await pull([{ name: 'a', script: pulled }]);
    expect(lines).toEqual([
      { status: 'pulling manifest', node: 'a' },
      { status: 'success', node: 'a' },
    ]);
    expect(bodiesOf(links['a'])).toEqual([{ insecure: true, model: 'tiny', stream: true }]);
  });

  it("passes one node's refusal on as it is, and its whole answer", async () => {
    for (const [stream, script, status, text] of [
      [true, refusing, 400, '{"error":"no \\"such\\" model"}'],
      [false, answering(200, '{"status":"success"}'), 200, '{"status":"success"}'],
    ] as const) {
      const { answer, links } = await pull([{ name: 'a', script }], stream);
      if (answer.form !== 'answer') throw new Error('lines');
      expect([answer.answer.status, answer.answer.body.toString()]).toEqual([status, text]);
      expect(bodiesOf(links['a'])).toMatchObject([{ stream }]);
    }
  });

  it('says success once, when every node has it', async () => {
    const nodes = [
      { name: 'a', script: pulled },
      { name: 'b', script: pulled },
    ];
    const { lines } = await pull(nodes);
    expect(lines.filter((line) => line['status'] === 'success')).toEqual([{ status: 'success' }]);
    expect(lines.at(-1)).toEqual({ status: 'success' });
    expect(lines.filter((line) => line['status'] === 'pulled').map((line) => line['node'])).toEqual(['a', 'b']);
    const { answer } = await pull(nodes, false);
    expect(answer.form === 'answer' && JSON.parse(answer.answer.body.toString())).toEqual({ status: 'success' });
  });

  it('lets the others go on when one fails, and names it at the end', async () => {
    for (const [script, words] of [
      [answering(200, '{"error":"no such host"}\n'), 'no such host'],
      [refusing, 'no "such" model'],
    ] as const) {
      const nodes = [
        { name: 'a', script },
        { name: 'b', script: pulled },
      ];
      const { lines } = await pull(nodes);
      expect(lines.filter((line) => line['node'] === 'b')).toHaveLength(2);
      expect(lines.filter((line) => 'error' in line)).toEqual([{ error: `failed on a: ${words}` }]);
      expect(lines.at(-1)).toHaveProperty('error');
      const { answer } = await pull(nodes, false);
      expect(answer.form === 'answer' && answer.answer.status).toBe(500);
    }
  });

  it('throws what all of them refuse, with its status', async () => {
    const details = { engineStatus: 400, engineMessage: 'no "such" model' };
    const nodes = ['a', 'b'].map((name) => ({ name, script: refusing }));
    await expect(pull(nodes)).rejects.toMatchObject({ details });
    await expect(pull(nodes, false)).rejects.toMatchObject({ details });
  });

  it.each([
    ['ends early', answering(200, '{"status":"pulling manifest"}\n'), 'the pull stopped before it was done'],
    ['sends no JSON', answering(200, 'what?\n'), 'the engine sent a broken line'],
  ])('ends with an error when the engine %s', async (_case, script, error) => {
    expect((await pull([{ name: 'a', script }])).lines.at(-1)).toEqual({ error, node: 'a' });
  });

  it('throws when the engine cannot be reached', async () => {
    await expect(pull([{ name: 'a', script: unreachable }])).rejects.toMatchObject({ code: 'engine-unreachable' });
  });
});

describe('OperationRunner', () => {
  it('refuses more at once than a node is given, and forgets those that ended', async () => {
    const gate = Promise.withResolvers<void>();
    async function* waiting(): AsyncGenerator<OperationFrame> {
      await gate.promise;
      yield { type: 'end' };
    }
    const { cluster, signal } = setUp([{ name: 'a', models: [tiny], script: waiting }]);
    const [engine] = pullTarget('tiny', 'best', cluster).engines;
    if (engine === undefined) throw new Error('no engine');
    const runner = new OperationRunner(() => 1);
    const operation = { name: 'show', body: {} } as const;
    const first = runner.runWhole(engine, operation, signal);
    await expect(runner.runWhole(engine, operation, signal)).rejects.toMatchObject({ code: 'overloaded' });
    gate.resolve();
    await first;
    await runner.runWhole(engine, operation, signal);
  });

  it('takes an answer without end for a lost node', async () => {
    const { cluster, signal } = setUp([{ name: 'a', models: [tiny], script: async function* () {} }]);
    const [engine] = pullTarget('tiny', 'best', cluster).engines;
    if (engine === undefined) throw new Error('no engine');
    await expect(
      new OperationRunner(() => 1).runWhole(engine, { name: 'show', body: {} }, signal),
    ).rejects.toMatchObject({
      code: 'engine-unreachable',
    });
  });
});
