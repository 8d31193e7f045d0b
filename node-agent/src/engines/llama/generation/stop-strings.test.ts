import { expect, test } from 'vitest';
import { StopStrings } from './stop-strings.ts';

function read(stops: readonly string[], pieces: readonly string[]) {
  const strings = new StopStrings(stops);
  const said = pieces.map((piece) => strings.push(piece));
  return { said, rest: strings.finish(), found: strings.found };
}

test.each([
  [['stop'], ['one ', 'st', 'op two'], ['one ', '', ''], '', 'stop'],
  [['stop'], ['one st', 'art'], ['one ', 'start'], '', undefined],
  [['aab'], ['aaab'], ['a'], '', 'aab'],
  [['aab'], ['a', 'a', 'a', 'b', 'c'], ['', '', 'a', '', ''], '', 'aab'],
  [['xyz', 'y'], ['axyz'], ['a'], '', 'xyz'],
  [['later', 'now'], ['now and later'], [''], '', 'now'],
  [['end'], ['the en'], ['the '], 'en', undefined],
  [['', 'x'], ['ab'], ['ab'], '', undefined],
  [[], ['ab'], ['ab'], '', undefined],
] as const)('%j in %j', (stops, pieces, said, rest, found) => {
  expect(read(stops, pieces)).toEqual({ said, rest, found });
});
