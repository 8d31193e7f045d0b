import { describe, expect, it } from 'vitest';
import { inputOf, itemsUpTo, ResponseMemory } from './response-memory.ts';

const said = (text: string) => ({ response: { output: [{ id: `out-${text}` }] }, input: [{ id: `in-${text}` }] });

function fill(memory: ResponseMemory, ...ids: string[]): void {
  let previous = undefined as ReturnType<ResponseMemory['find']>;
  for (const id of ids) {
    memory.keep(id, said(id), previous);
    previous = memory.find(id);
  }
}

describe('responses that are kept', () => {
  it('know all that went before them, oldest first', () => {
    const memory = new ResponseMemory({ count: 10, bytes: 1e6 });
    fill(memory, 'a', 'b', 'c');
    const kept = memory.find('c');
    if (kept === undefined) throw new Error('it was not kept');
    expect(inputOf(kept).map(({ id }) => id)).toEqual(['in-a', 'out-a', 'in-b', 'out-b', 'in-c']);
    expect(itemsUpTo(kept).at(-1)).toEqual({ id: 'out-c' });
  });

  it('are forgotten when they were not used for longest', () => {
    const memory = new ResponseMemory({ count: 2, bytes: 1e6 });
    for (const id of ['a', 'b']) memory.keep(id, said(id), undefined);
    memory.find('a');
    memory.keep('c', said('c'), undefined);
    expect(['a', 'b', 'c'].map((id) => memory.find(id) !== undefined)).toEqual([true, false, true]);
  });

  it('take no more bytes than they may, and each is counted once', () => {
    const one = new ResponseMemory({ count: 10, bytes: 1e6 });
    fill(one, 'a');
    const bytesOfOne = one.bytes;
    const memory = new ResponseMemory({ count: 10, bytes: bytesOfOne * 2 });
    for (const id of ['a', 'b', 'c']) memory.keep(id, said(id), undefined);
    expect(memory.bytes).toBe(bytesOfOne * 2);
    expect(memory.find('a')).toBeUndefined();
    const tiny = new ResponseMemory({ count: 10, bytes: bytesOfOne - 1 });
    fill(tiny, 'a');
    expect([tiny.bytes, tiny.find('a')]).toEqual([0, undefined]);
  });

  it('stay counted as long as a later one needs them', () => {
    const memory = new ResponseMemory({ count: 10, bytes: 1e6 });
    fill(memory, 'a', 'b');
    const { bytes } = memory;
    expect(memory.delete('a')).toBe(true);
    expect(memory.delete('a')).toBe(false);
    expect(memory.bytes).toBe(bytes);
    const kept = memory.find('b');
    expect(kept && inputOf(kept)).toHaveLength(3);
    memory.delete('b');
    expect(memory.bytes).toBe(0);
  });

  it('can be gone on from although they were forgotten meanwhile', () => {
    const memory = new ResponseMemory({ count: 10, bytes: 1e6 });
    fill(memory, 'a');
    const previous = memory.find('a');
    memory.delete('a');
    expect(memory.bytes).toBe(0);
    memory.keep('b', said('b'), previous);
    const kept = memory.find('b');
    expect(kept && itemsUpTo(kept)).toHaveLength(4);
    memory.delete('b');
    expect(memory.bytes).toBe(0);
  });
});
