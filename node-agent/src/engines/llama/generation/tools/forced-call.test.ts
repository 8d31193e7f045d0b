import { expect, test } from 'vitest';
import { functionTags } from '../../testing/tool-forms.ts';
import { callGrammar } from './forced-call.ts';

test('where arguments stand in tags, the name of a tool is held', () => {
  expect(callGrammar(functionTags, [{ name: 'look_up' }, { name: 'clock' }])).toMatch(
    /^root ::= \( "look_up" \| "clock" \) ">" \[\^\\x00\]\*\n/,
  );
});
