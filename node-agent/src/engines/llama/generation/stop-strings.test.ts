import { expect, test } from 'vitest';
import { StopStrings } from './stop-strings.ts';

function read(stops: readonly string[], pieces: readonly string[]) {
  const strings = new StopStrings(stops);
  const said = pieces.map((piece) => strings.push(piece));
  return { said, rest: strings.finish(), isStopped: strings.isStopped };
}

test.each([
  [['stop'], ['one ', 'st', 'op two'], ['one ', '', ''], '', true],
  [['stop'], ['one st', 'art'], ['one ', 'start'], '', false],
  [['aab'], ['aaab'], ['a'], '', true],
  [['aab'], ['a', 'a', 'a', 'b', 'c'], ['', '', 'a', '', ''], '', true],
  [['xyz', 'y'], ['axyz'], ['a'], '', true],
  [['later', 'now'], ['now and later'], [''], '', true],
  [['end'], ['the en'], ['the '], 'en', false],
  [['', 'x'], ['ab'], ['ab'], '', false],
  [[], ['ab'], ['ab'], '', false],
] as const)('%j in %j', (stops, pieces, said, rest, isStopped) => {
  expect(read(stops, pieces)).toEqual({ said, rest, isStopped });
});
