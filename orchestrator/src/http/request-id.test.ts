import { expect, it } from 'vitest';
import { createRequestIds } from './request-id.ts';

it("keeps a client's id where it is harmless", () => {
  const requestIds = createRequestIds('abc');
  expect(requestIds('my-id_1.2')).toBe('my-id_1.2');
  expect(requestIds('x'.repeat(128))).toHaveLength(128);
});

it.each([undefined, '', 'a b', 'a\nb', '<b>', 'x'.repeat(129), ['a', 'b'], 'ä'])(
  'makes one of its own instead of %j',
  (given) => {
    const requestIds = createRequestIds('abc');
    expect([requestIds(given), requestIds(given)]).toEqual(['abc-1', 'abc-2']);
  },
);
