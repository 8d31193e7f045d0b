import { describe, expect, test } from 'vitest';
import type { ToolForm } from './tool-form.ts';
import { ToolReader } from './tool-reader.ts';

const tagged: ToolForm = {
  kind: 'object',
  open: '<tool_call>',
  close: '</tool_call>',
  nameKey: 'name',
  argumentsKey: 'arguments',
  isList: false,
};
const bare: ToolForm = { ...tagged, open: '', close: '', argumentsKey: 'parameters' };
const listed: ToolForm = { ...tagged, open: '[TOOL_CALLS]', close: '', isList: true };
const parts: ToolForm = {
  kind: 'parts',
  open: '[TOOL_CALLS]',
  afterName: '[CALL_ID]',
  beforeArguments: '[ARGS]',
  close: '',
};

function read(form: ToolForm, pieces: Iterable<string>) {
  const reader = new ToolReader(form, new Set(['look_up', 'clock']));
  const all = [...[...pieces].flatMap((piece) => reader.push(piece)), ...reader.finish()];
  return {
    text: all.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    calls: all.flatMap((part) => (part.type === 'call' ? [[part.call.name, JSON.parse(part.call.arguments)]] : [])),
  };
}

const oslo = ['look_up', { city: 'Oslo {"}' }];
const object = (key: string) => `{"name": "look_up", "${key}": {"city": "Oslo {\\"}"}}`;

describe.each([
  ['at once', (text: string) => [text]],
  ['by the character', (text: string) => text.split('')],
])('%s', (_name, cut) => {
  test.each([
    ['one in tags', tagged, `<tool_call>\n${object('arguments')}\n</tool_call>`, '', [oslo]],
    ['text before', tagged, `I look. \n<tool_call>\n${object('arguments')}\n</tool_call>\n`, 'I look.', [oslo]],
    [
      'two',
      tagged,
      `<tool_call>${object('arguments')}</tool_call>\n<tool_call>{"name": "clock", "arguments": {}}</tool_call>`,
      '',
      [oslo, ['clock', {}]],
    ],
    [
      'several between one pair of marks',
      tagged,
      `<tool_call>\n${object('arguments')}\n{"name": "clock", "arguments": {}}\n</tool_call>ok`,
      'ok',
      [oslo, ['clock', {}]],
    ],
    ['without its end', tagged, `<tool_call>\n${object('arguments')}`, '', [oslo]],
    ['the other common name', tagged, `<tool_call>\n${object('parameters')}\n</tool_call>`, '', [oslo]],
    ['bare', bare, object('parameters'), '', [oslo]],
    [
      'a list',
      listed,
      `[TOOL_CALLS][${object('arguments')}, {"name": "clock", "arguments": {}}]`,
      '',
      [oslo, ['clock', {}]],
    ],
    [
      'name and arguments apart',
      parts,
      '[TOOL_CALLS]look_up[CALL_ID]a1b2c3d4e[ARGS]{"city": "Oslo {\\"}"}',
      '',
      [oslo],
    ],
  ])('%s', (_what, form, text, said, calls) => {
    expect(read(form, cut(text))).toEqual({ text: said, calls });
  });

  test.each([
    ['an unknown tool', tagged, '<tool_call>\n{"name": "other", "arguments": {}}\n</tool_call>'],
    ['no JSON', tagged, '<tool_call>\nlook it up\n</tool_call>'],
    ['half of one', tagged, '<tool_call>\n{"name": "look_up", "arg'],
    ['JSON for the reader', bare, '{"city": "Oslo"} is it.'],
    ['text', bare, 'Well, {"name": "look_up", "parameters": {}}'],
    ['blank space', tagged, ' a  b \n'],
  ])('%s stays text', (_what, form, text) => {
    expect(read(form, cut(text))).toEqual({ text, calls: [] });
  });
});
