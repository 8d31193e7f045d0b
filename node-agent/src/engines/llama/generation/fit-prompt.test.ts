import type { ChatMessage } from '@waggle/shared/chat/generation-request.ts';
import { expect, test } from 'vitest';
import { cutTokens, fitMessages } from './fit-prompt.ts';

const roles = ['system', 'user', 'assistant', 'user', 'system', 'assistant', 'user'];
const messages = roles.map((role, index): ChatMessage => ({ role, content: [{ type: 'text', text: `${index}` }] }));
const textsOf = (some: readonly ChatMessage[]) =>
  some.map(({ content }) => content.map((part) => ('text' in part ? part.text : ''))).join('');

test.each([
  [7, '0123456'],
  [6, '023456'],
  [5, '03456'],
  [3, '046'],
  [1, '046'],
])('with room for %i messages', (room, kept) => {
  expect(textsOf(fitMessages(messages, room, (some) => some.length))).toBe(kept);
});

test('tokens are cut out behind those to keep, so that half of the rest is free', () => {
  const tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  expect(cutTokens(tokens, 8, 2)).toEqual([1, 2, 8, 9, 10]);
  expect(cutTokens(tokens, 8, 0)).toEqual([7, 8, 9, 10]);
  expect(cutTokens(tokens, 8, 7)).toEqual([1, 2, 3, 4, 5, 6, 7, 10]);
});
