import { expect, it } from 'vitest';
import type { NodeView } from '../cluster/views.ts';
import { NodeTurns } from './node-turns.ts';
import { scriptedCluster } from './scripted-nodes.ts';

function nodes(...names: readonly string[]): readonly NodeView[] {
  return scriptedCluster(names.map((name) => ({ name }))).registry.nodes;
}

const waits = (signal = new AbortController().signal) => ({ waits: true, signal });
const refused = { waits: false, signal: new AbortController().signal };

it('gives turns up to the bound of each node, and refuses or makes wait beyond it', async () => {
  const [a, b] = nodes('a', 'b');
  if (a === undefined || b === undefined) throw new Error('no node');
  const turns = new NodeTurns(() => 1);
  const first = await turns.take(a, refused);
  await turns.take(b, refused);
  await expect(turns.take(a, refused)).rejects.toMatchObject({ code: 'overloaded' });
  const order: string[] = [];
  const waiting = ['one', 'two'].map(async (name) => {
    const end = await turns.take(a, waits());
    order.push(name);
    end();
  });
  await Promise.resolve();
  expect(order).toEqual([]);
  first();
  await Promise.all(waiting);
  expect(order).toEqual(['one', 'two']);
  await turns.take(a, refused);
});

it('lets go of who leaves the line, and bounds it', async () => {
  const [a] = nodes('a');
  if (a === undefined) throw new Error('no node');
  const turns = new NodeTurns(() => 1);
  const first = await turns.take(a, refused);
  const leaving = new AbortController();
  const left = turns.take(a, waits(leaving.signal));
  const rest = Array.from({ length: 255 }, () => turns.take(a, waits()));
  await expect(turns.take(a, waits())).rejects.toMatchObject({ code: 'overloaded' });
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'client-gone' });
  first();
  for (const turn of rest) (await turn)();
  await turns.take(a, refused);
});

it('leaves a turn to those who do not wait', async () => {
  const [a] = nodes('a');
  if (a === undefined) throw new Error('no node');
  const turns = new NodeTurns(() => 3);
  const files = [await turns.take(a, waits()), await turns.take(a, waits())];
  let isBegun = false;
  const third = turns.take(a, waits()).then((end) => {
    isBegun = true;
    return end;
  });
  const other = await turns.take(a, refused);
  await expect(turns.take(a, refused)).rejects.toMatchObject({ code: 'overloaded' });
  other();
  await Promise.resolve();
  expect(isBegun).toBe(false);
  files[0]?.();
  (await third)();
});

it('asks with each turn how many there may be', async () => {
  const [a] = nodes('a');
  if (a === undefined) throw new Error('no node');
  let perNode = 1;
  const turns = new NodeTurns(() => perNode);
  await turns.take(a, refused);
  await expect(turns.take(a, refused)).rejects.toMatchObject({ code: 'overloaded' });
  perNode = 2;
  await expect(turns.take(a, refused)).resolves.toBeTypeOf('function');
});
