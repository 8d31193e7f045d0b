import { expect, test } from 'vitest';
import { callGrammar } from './forced-call.ts';

test('where arguments stand in tags, the name of a tool is held', () => {
  const form = {
    kind: 'tagged',
    open: '<tool_call>',
    inner: '<function=',
    begin: '<tool_call>\n<function=',
    afterName: '>',
    beforeKey: '<parameter=',
    afterKey: '>',
    afterValue: '</parameter>',
    close: '</function>',
    end: '</tool_call>',
  } as const;
  expect(callGrammar(form, [{ name: 'look_up' }, { name: 'clock' }])).toMatch(
    /^root ::= \( "look_up" \| "clock" \) ">" \[\^\\x00\]\*\n/,
  );
});
