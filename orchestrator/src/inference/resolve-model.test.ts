import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { resolveModel } from './resolve-model.ts';

function setUp(aliases: Record<string, readonly string[]> = {}) {
  const cluster = new FakeCluster();
  const resolve = (name: string) => resolveModel(name, cluster.registry, new Map(Object.entries(aliases)));
  return { cluster, resolve };
}

const named = (...names: readonly string[]) => ({ models: names.map((name) => ({ name })) });

function refusalOf(resolve: () => unknown): unknown {
  try {
    resolve();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('it was resolved');
}

describe('resolveModel', () => {
  it('an exact name wins over an alias, an alias over model@node', () => {
    const aliases = { qwen3: ['llama3.2'], 'llama3.2@garage': ['qwen3'] };
    const { cluster, resolve } = setUp(aliases);
    cluster.join('garage', named('llama3.2:latest'));
    expect(resolve('qwen3')).toEqual({ targets: ['llama3.2:latest'], onlyNode: undefined });
    expect(resolve('llama3.2@garage')).toEqual({ targets: ['llama3.2:latest'], onlyNode: 'garage' });
    cluster.join('attic', named('qwen3:latest'));
    expect(resolve('qwen3')).toEqual({ targets: ['qwen3:latest'], onlyNode: undefined });
    expect(resolve('llama3.2@garage')).toEqual({ targets: ['qwen3:latest'], onlyNode: undefined });
    cluster.join('cellar', named('llama3.2@garage'));
    expect(resolve('llama3.2@garage')).toEqual({ targets: ['llama3.2@garage:latest'], onlyNode: undefined });
  });

  it('a stand-in that says fixed texts is asked by its own name only', () => {
    const { cluster, resolve } = setUp({ fast: ['hello', 'qwen3'] });
    cluster.join('garage', { models: [{ name: 'hello:latest', scripted: true }] });
    expect(resolve('hello')).toEqual({ targets: ['hello:latest'], onlyNode: undefined });
    expect(refusalOf(() => resolve('fast'))).toMatchObject({ code: 'model-not-found' });
    expect(refusalOf(() => resolve('fast@garage'))).toMatchObject({ code: 'model-not-found' });
    cluster.join('attic', named('qwen3:latest'));
    expect(resolve('fast')).toEqual({ targets: ['qwen3:latest'], onlyNode: undefined });
  });

  it.each(['llama3.2', 'llama3.2:latest', 'LLama3.2', 'LLAMA3.2:Latest'])('finds llama3.2:latest as %s', (name) => {
    const { cluster, resolve } = setUp();
    cluster.join('garage', named('llama3.2:latest'));
    expect(resolve(name)).toEqual({ targets: ['llama3.2:latest'], onlyNode: undefined });
  });

  it('another tag is another model', () => {
    const { cluster, resolve } = setUp();
    cluster.join('garage', named('llama3.2:1b'));
    expect(() => resolve('llama3.2')).toThrow("model 'llama3.2' not found");
  });

  it('keeps the order of an alias and leaves out what nobody has', () => {
    const { cluster, resolve } = setUp({ best: ['absent', 'Qwen3', 'llama3.2'], gone: ['absent'] });
    cluster.join('garage', named('llama3.2:latest', 'qwen3:latest'));
    expect(resolve('best').targets).toEqual(['qwen3:latest', 'llama3.2:latest']);
    expect(resolve('BEST:latest').targets).toEqual(['qwen3:latest', 'llama3.2:latest']);
    expect(refusalOf(() => resolve('gone'))).toMatchObject({
      code: 'model-not-found',
      message: "model 'gone' not found",
    });
  });

  it('alias@node takes what the alias means there', () => {
    const { cluster, resolve } = setUp({ best: ['Qwen3', 'llama3.2'] });
    cluster.join('garage', named('llama3.2:latest'));
    cluster.join('attic', named('qwen3:latest', 'llama3.2:latest'));
    expect(resolve('best@garage')).toEqual({ targets: ['llama3.2:latest'], onlyNode: 'garage' });
    expect(resolve('BEST@attic')).toEqual({ targets: ['qwen3:latest', 'llama3.2:latest'], onlyNode: 'attic' });
    expect(() => resolve('best@nowhere')).toThrow("model 'best@nowhere' not found");
  });

  it('model@node takes that node only, if it has the model', () => {
    const { cluster, resolve } = setUp();
    cluster.join('garage', named('llama3.2:latest'));
    cluster.join('attic', named('qwen3:latest'));
    expect(resolve('QWEN3@attic')).toEqual({ targets: ['qwen3:latest'], onlyNode: 'attic' });
    expect(refusalOf(() => resolve('qwen3@garage'))).toMatchObject({ code: 'model-not-found' });
    expect(refusalOf(() => resolve('qwen3@nowhere'))).toMatchObject({ code: 'model-not-found' });
  });

  it.each(['voice:', 'a/b/c/d', 'vöice', 'a b', '@desk', 'x'.repeat(81)])('%s is no name', (name) => {
    const { cluster, resolve } = setUp();
    cluster.join('garage', named('llama3.2:latest'));
    expect(refusalOf(() => resolve(name))).toMatchObject({ code: 'bad-request', message: 'invalid model name' });
  });

  it.each(['A Model', 'org/Model-Name.gguf', 'a/b/c/d/e.gguf', 'Ünlike'])(
    '%s is one where an engine lists it',
    (name) => {
      const { cluster, resolve } = setUp({ 'odd/name/of/an/alias': [name] });
      cluster.join('garage', named(name));
      expect(resolve(name).targets).toHaveLength(1);
      expect(resolve(`${name}@garage`)).toEqual({ ...resolve(name), onlyNode: 'garage' });
      expect(resolve('odd/name/of/an/alias')).toEqual(resolve(name));
    },
  );

  it('hints at the nearest names, where any is near', () => {
    const { cluster, resolve } = setUp();
    cluster.join('garage', named('llama3.2:latest'));
    expect(refusalOf(() => resolve('lama3.2'))).toMatchObject({
      details: { hint: 'did you mean llama3.2:latest?', param: 'model' },
    });
    const far = refusalOf(() => resolve('zzzzzz'));
    expect(far).toMatchObject({ code: 'model-not-found', details: { param: 'model' } });
    expect(far).not.toHaveProperty('details.hint');
  });
});
