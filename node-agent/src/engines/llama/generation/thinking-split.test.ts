import { expect, test } from 'vitest';
import { ThinkingSplit } from './thinking-split.ts';

const marks = { open: '<think>', close: '</think>' };

function read(pieces: readonly string[], { isOpen = false, known = true } = {}) {
  const split = new ThinkingSplit(known ? marks : undefined, isOpen);
  const all = [...pieces.map((piece) => split.push(piece)), split.finish()];
  return [all.map(({ thinking }) => thinking).join(''), all.map(({ text }) => text).join('')];
}

const whole = '<think>\nWell, well.\n\n</think>\n\nYes.\n';

test.each([
  [[whole], {}],
  [whole.split(''), {}],
  [whole.match(/.{1,3}/gs) ?? [], {}],
  [[`\n ${whole}`], {}],
  [['\nWell, well.\n', '\n</thi', 'nk>\n\nYes.\n'], { isOpen: true }],
])('%j', (pieces, options) => {
  expect(read(pieces, options)).toEqual(['Well, well.', 'Yes.\n']);
});

test('what only looks like a mark is text', () => {
  expect(read(['<thi', 's is it>'])).toEqual(['', '<this is it>']);
  expect(read(['<thi'])).toEqual(['', '<thi']);
  expect(read(['Say ', '<think>no</think>'])).toEqual(['', 'Say <think>no</think>']);
  expect(read(['<think>a</th', 'e>b</think>c'])).toEqual(['a</the>b', 'c']);
});

test('thinking that never ends is all there is', () => {
  expect(read(['<think>on and', ' on </thi'])).toEqual(['on and on </thi', '']);
});

test('without marks everything is the answer', () => {
  expect(read([whole], { known: false })).toEqual(['', whole]);
});
