import { describe, expect, it } from 'vitest';
import { findUnknownNodes, ModelSettings, noSetting } from './model-settings.ts';

function create(settings: Readonly<Record<string, number>>): ModelSettings {
  const created = new ModelSettings();
  const entries = Object.entries(settings).map(([name, timeoutMs]) => [name, { ...noSetting, timeoutMs }]);
  created.replace(Object.fromEntries(entries));
  return created;
}

describe('ModelSettings', () => {
  it('are for the model, however its name is spelt', () => {
    const settings = create({ 'llama3.2': 1, 'Qwen3:4B': 2 });
    expect(settings.of('llama3.2:latest').timeoutMs).toBe(1);
    expect(settings.of('qwen3:4b').timeoutMs).toBe(2);
    expect(settings.of('other:latest')).toBe(noSetting);
    settings.replace({});
    expect(settings.of('llama3.2:latest')).toBe(noSetting);
  });

  it.each([
    ['llama3.2', 10],
    ['LLAMA3.2:latest', 10],
    ['llama3.2@desk', 10],
    ['fast', 20],
    ['fast@desk', 20],
    ['smart', 10],
    ['smart@desk', 10],
    ['other', undefined],
    ['a@b@c', undefined],
  ])('the timeout of %s is %s', (name, timeoutMs) => {
    const aliases = new Map([
      ['fast', ['llama3.2', 'qwen3']],
      ['smart', ['llama3.2', 'qwen3']],
    ]);
    expect(create({ 'llama3.2': 10, fast: 20, qwen3: 30 }).timeoutOf(name, aliases)).toBe(timeoutMs);
  });
});

describe('findUnknownNodes', () => {
  it('tells which models speak of nodes that there are not', () => {
    const settings = new ModelSettings();
    settings.replace({
      a: { ...noSetting, nodes: ['desk', 'dexk'] },
      b: { ...noSetting, nodes: ['desk'] },
      c: noSetting,
    });
    const known = new Set(['desk', 'big']);
    expect(findUnknownNodes(settings, (node) => known.has(node))).toEqual([{ model: 'a:latest', nodes: ['dexk'] }]);
  });
});
