import type { ToolDefinition } from '@waggle/shared/chat/generation-request.ts';
import { describe, expect, test } from 'vitest';
import { cuts } from '../../testing/cuts.ts';
import { argumentPairs, functionTags } from '../../testing/tool-forms.ts';
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

const invoked: ToolForm = {
  ...functionTags,
  open: '<calls>',
  inner: '<invoke name="',
  afterName: '">',
  beforeKey: '<parameter name="',
  close: '</invoke>',
  end: '</calls>',
};
const quoted: ToolForm = {
  kind: 'quoted',
  open: '<|tool_call>',
  begin: '<|tool_call>call:',
  quote: '<|"|>',
  close: '<tool_call|>',
};
const offered: readonly ToolDefinition[] = [
  {
    name: 'look_up',
    parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } },
  },
  { name: 'clock' },
];

function read(form: ToolForm, pieces: Iterable<string>) {
  const reader = new ToolReader(form, offered);
  const all = [...[...pieces].flatMap((piece) => reader.push(piece)), ...reader.finish()];
  return {
    text: all.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    calls: all.flatMap((part) => (part.type === 'call' ? [[part.call.name, JSON.parse(part.call.arguments)]] : [])),
  };
}

const oslo = ['look_up', { city: 'Oslo {"}' }];
const object = (key: string) => `{"name": "look_up", "${key}": {"city": "Oslo {\\"}"}}`;

describe.each(cuts)('%s', (_name, cut) => {
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
    [
      'arguments in tags of their own',
      functionTags,
      'I look.\n\n<tool_call>\n<function=look_up>\n<parameter=city>\nNew <b>\nYork\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>',
      'I look.',
      [['look_up', { city: 'New <b>\nYork', days: 2 }]],
    ],
    [
      'digits that are a text, and a call without arguments',
      functionTags,
      '<tool_call>\n<function=look_up>\n<parameter=city>\n7\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=clock>\n</function>\n</tool_call>',
      '',
      [
        ['look_up', { city: '7' }],
        ['clock', {}],
      ],
    ],
    [
      'what the tool says nothing of',
      functionTags,
      '<tool_call><function=clock><parameter=at>{"h": 7}</parameter><parameter=zone>CET</parameter></function></tool_call>ok',
      'ok',
      [['clock', { at: { h: 7 }, zone: 'CET' }]],
    ],
    [
      'tags without their end',
      functionTags,
      '<tool_call>\n<function=look_up>\n<parameter=city>\nOslo\n</parameter>\n</function>',
      '',
      [['look_up', { city: 'Oslo' }]],
    ],
    [
      'a tag that was forgotten',
      functionTags,
      'I look.\n<function=look_up>\n<parameter=city>\nOslo\n</parameter>\n</function>\n</tool_call>',
      'I look.',
      [['look_up', { city: 'Oslo' }]],
    ],
    [
      'both tags forgotten',
      functionTags,
      '<function=look_up><parameter=city>Oslo</parameter></function>',
      '',
      [['look_up', { city: 'Oslo' }]],
    ],
    [
      'keys and values in tags',
      argumentPairs,
      '<tool_call>look_up\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call><tool_call>clock</tool_call>',
      '',
      [
        ['look_up', { city: 'Oslo', days: 2 }],
        ['clock', {}],
      ],
    ],
    [
      'several calls between one pair of tags, with attributes',
      invoked,
      '<calls>\n<invoke name="look_up">\n<parameter name="city" string="true">Oslo</parameter>\n</invoke>\n<invoke name="clock">\n</invoke>\n</calls>',
      '',
      [
        ['look_up', { city: 'Oslo' }],
        ['clock', {}],
      ],
    ],
    [
      'texts between quotes of their own',
      quoted,
      'I look.<|tool_call>call:look_up{city:<|"|>Os"lo, {a:1}<|"|>,days:2,to:{far:[<|"|>x<|"|>,true]}}<tool_call|><|tool_call>call:clock{}<tool_call|>',
      'I look.',
      [
        ['look_up', { city: 'Os"lo, {a:1}', days: 2, to: { far: ['x', true] } }],
        ['clock', {}],
      ],
    ],
  ])('%s', (_what, form, text, said, calls) => {
    expect(read(form, cut(text))).toEqual({ text: said, calls });
  });

  test('what names no tool is not held back', () => {
    const reader = new ToolReader(functionTags, offered);
    const said = cut('Write <tool_call>\n<function=other>, then go on').flatMap((piece) => reader.push(piece));
    expect(said.map((part) => (part.type === 'text' ? part.text : '')).join('')).toMatch(/other>, then go on$/);
  });

  test.each([
    ['an unknown tool', tagged, '<tool_call>\n{"name": "other", "arguments": {}}\n</tool_call>'],
    ['no JSON', tagged, '<tool_call>\nlook it up\n</tool_call>'],
    ['half of one', tagged, '<tool_call>\n{"name": "look_up", "arg'],
    ['JSON for the reader', bare, '{"city": "Oslo"} is it.'],
    ['text', bare, 'Well, {"name": "look_up", "parameters": {}}'],
    ['blank space', tagged, ' a  b \n'],
    ['another function', functionTags, '<tool_call>\n<function=other>\n</function>\n</tool_call>'],
    ['JSON where tags are meant', functionTags, '<tool_call>\n{"name": "clock"}\n</tool_call>'],
    ['an unknown tool between quotes', quoted, '<|tool_call>call:other{a:1}<tool_call|>'],
    ['something else in its marks', quoted, '<|tool_call>ring:look_up{a:1}<tool_call|>'],
    ['an unfinished tag', functionTags, 'a <tool_call> of <b>'],
  ])('%s stays text', (_what, form, text) => {
    expect(read(form, cut(text))).toEqual({ text, calls: [] });
  });
});
