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

test('tokens are cut out behind those to keep', () => {
  expect(cutTokens([1, 2, 3, 4, 5, 6], 4, 1)).toEqual([1, 4, 5, 6]);
  expect(cutTokens([1, 2, 3, 4, 5, 6], 4, 0)).toEqual([3, 4, 5, 6]);
  expect(cutTokens([1, 2, 3, 4, 5, 6], 2, 9)).toEqual([1, 6]);
  expect(cutTokens([1, 2], 2, 9)).toEqual([1, 2]);
});
