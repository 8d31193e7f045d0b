import { describe, expect, test } from 'vitest';
import { type ServerFacts, toModelReports } from './models.ts';

function report(more: Partial<ServerFacts>) {
  const facts: ServerFacts = {
    kind: 'openai-compatible',
    listed: [],
    native: [],
    props: {},
    running: [],
    loading: new Set(),
    parallel: 4,
    firstSeen: new Map([['m', '2026-01-01T00:00:00.000Z']]),
    ...more,
  };
  return toModelReports(facts);
}

describe('toModelReports', () => {
  test('a vLLM model is hot, with its longest request', () => {
    const [model] = report({ kind: 'vllm', listed: [{ id: 'm', owned_by: 'vllm', max_model_len: 2048 }] });
    expect(model).toMatchObject({
      name: 'm',
      state: 'hot',
      contextLength: 2048,
      numCtx: 2048,
      capabilities: undefined,
    });
  });

  test('a llama-server model has the context of one slot, and what its file tells', () => {
    const meta = { n_ctx: 1024, n_ctx_train: 2048, n_params: 7_473_152, size: 29_892_608, ftype: 'all F32' };
    const [model] = report({ kind: 'llama-server', listed: [{ id: 'm', meta }] });
    expect(model).toMatchObject({
      contextLength: 2048,
      numCtx: 1024,
      sizeBytes: 29_892_608,
      parameterSize: '7.47M',
      quantization: 'F32',
    });
  });

  test.each([
    [{}, undefined],
    [{ modalities: { vision: false, audio: false } }, ['completion', 'tools']],
    [{ modalities: { vision: false }, chat_template_caps: { supports_tools: false } }, ['completion']],
    [
      { modalities: { vision: true, audio: true }, chat_template_caps: { supports_reasoning_effort: true } },
      ['completion', 'tools', 'vision', 'thinking', 'audio'],
    ],
  ])('llama-server tells what its model sees and hears, and what its template knows: %j', (props, capabilities) => {
    const kind = 'llama-server';
    expect(report({ kind, listed: [{ id: 'm' }], props })[0]?.capabilities).toEqual(capabilities);
    expect(report({ kind, listed: [{ id: 'm' }, { id: 'n' }], props })[0]?.capabilities).toBeUndefined();
  });

  test('LM Studio tells what is loaded and what models can do', () => {
    const native = [
      {
        key: 'm',
        type: 'llm',
        max_context_length: 4096,
        loaded_instances: [{ id: 'm', config: { context_length: 1024 } }],
        capabilities: { vision: true, trained_for_tool_use: true },
      },
      { key: 'e', type: 'embedding', loaded_instances: [] },
    ];
    const models = report({ kind: 'lm-studio', listed: [{ id: 'm' }], native });
    expect(models.map(({ name, state, numCtx }) => ({ name, state, numCtx }))).toEqual([
      { name: 'm', state: 'hot', numCtx: 1024 },
      { name: 'e', state: 'cold', numCtx: undefined },
    ]);
    expect(models[0]?.capabilities).toContain('vision');
    expect(models[1]?.capabilities).toEqual(['embedding']);
  });

  test('llama-swap tells what runs', () => {
    const running = [
      { model: 'a', state: 'ready' },
      { model: 'b', state: 'starting' },
    ];
    const models = report({ kind: 'llama-swap', listed: [{ id: 'a' }, { id: 'b' }, { id: 'c' }], running });
    expect(models.map(({ state }) => state)).toEqual(['hot', 'loading', 'cold']);
  });

  test('a router of llama-server tells each model’s state', () => {
    const listed = ['loaded', 'loading', 'unloaded'].map((value) => ({ id: value, status: { value } }));
    expect(report({ kind: 'llama-server', listed }).map(({ state }) => state)).toEqual(['hot', 'loading', 'cold']);
  });

  test('lists its models as Ollama would, with a digest a client can cut short, which says nothing of what they are', () => {
    const [model] = report({ listed: [{ id: 'org/m' }] });
    const digest = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(JSON.parse(model?.tagJson ?? '')).toMatchObject({ name: 'org/m', model: 'org/m', digest });
    expect(JSON.parse(model?.psJson ?? '')).toMatchObject({
      name: 'org/m',
      digest,
      expires_at: expect.stringMatching(/^2\d{3}-/),
    });
    expect(model?.digest).toBe('');
  });
});
