import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import { InferenceBed } from './inference-bed.ts';
import { findUntranslatable } from './untranslatable.ts';

const messages = [{ role: 'user', content: 'hi' }];
const image = [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }];

function ask(bed: InferenceBed, endpoint: EndpointName, fields: object) {
  const body = Buffer.from(JSON.stringify({ model: 'llama3.2', messages, ...fields }));
  return bed.run({ facts: { endpoint }, body });
}

describe('what an engine of the other family cannot be asked', () => {
  it.each([
    ['openai.chat', { n: 2 }, 'n'],
    ['openai.chat', { tool_choice: 'required', tools: [] }, 'tool_choice'],
    ['openai.chat', { messages: [{ role: 'user', content: image }] }, 'messages'],
    ['openai.chat', { logit_bias: { 5: 1 } }, 'logit_bias'],
    ['openai.completions', { prompt: ['a', 'b'] }, 'prompt'],
  ] as const)('is refused before a load: %s with %o', async (endpoint, fields, param) => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { models: [{ state: 'cold' }] });
    const asking = ask(bed, endpoint, fields);
    await settled();
    expect(asking.errors).toMatchObject([{ httpStatus: 400, details: { param } }]);
    expect(asking.record.attempts).toEqual([]);
    expect(node.link.loads).toEqual([]);
  });

  it('is loaded where it can be asked', async () => {
    const bed = new InferenceBed();
    const [ollama, vllm] = [
      bed.cluster.join('a', { models: [{ state: 'cold' }] }),
      bed.cluster.join('b', { models: [{ state: 'cold', sizeBytes: 9e9 }] }),
    ];
    const { engine } = bed.cluster.served('b');
    engine.update({ ...engine.report, kind: 'vllm', dialect: 'openai' });
    const asking = ask(bed, 'openai.chat', { n: 2 });
    await settled();
    expect([ollama.link.loads.length, vllm.link.loads.length]).toEqual([0, 1]);
    vllm.link.loads[0]?.resolve();
    await settled();
    expect(vllm.busyLane.job.header.endpoint).toBe('openai.chat');
    expect(asking.errors).toEqual([]);
  });

  it('is refused while it waits, too, and holds up none that can be asked', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { models: [{}] });
    const running = ask(bed, 'openai.chat', {});
    const [unable, able] = [ask(bed, 'openai.chat', { n: 2 }), ask(bed, 'openai.chat', {})];
    await settled();
    expect([unable.errors, able.errors]).toEqual([[], []]);
    node.report([{ state: 'cold' }]);
    node.busyLane.text('hello');
    node.busyLane.finish();
    await settled();
    expect([running.errors.length, unable.errors.length, able.errors.length]).toEqual([0, 1, 0]);
    expect(node.link.loads).toHaveLength(1);
  });

  it('is nothing in its own family, nor where the engine runs what is in no dialect', () => {
    const request = {
      facts: { endpoint: 'openai.chat' } as Parameters<typeof findUntranslatable>[0]['facts'],
      body: Buffer.from(JSON.stringify({ model: 'm', messages, n: 2 })),
    };
    expect(findUntranslatable(request, { kind: 'vllm', dialect: 'openai' })).toBeUndefined();
    expect(findUntranslatable(request, { kind: 'builtin', dialect: 'ollama' })).toBeUndefined();
    expect(findUntranslatable(request, { kind: 'ollama', dialect: 'ollama' })?.code).toBe('unsupported');
  });
});
