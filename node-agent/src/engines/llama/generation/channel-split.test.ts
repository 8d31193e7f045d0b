import { describe, expect, test } from 'vitest';
import { cuts } from '../testing/cuts.ts';
import { ChannelSplit, channelCalls } from './channel-split.ts';
import { ToolReader } from './tools/tool-reader.ts';

function read(pieces: Iterable<string>, isOpen = false) {
  const split = new ChannelSplit(isOpen);
  const reader = new ToolReader(channelCalls, [{ name: 'look_up' }]);
  const parts = [...[...pieces].map((piece) => split.push(piece)), split.finish()];
  const found = [...parts.flatMap(({ text }) => reader.push(text)), ...reader.finish()];
  return {
    thinking: parts.map(({ thinking }) => thinking).join(''),
    text: found.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    calls: found.flatMap((part) => (part.type === 'call' ? [[part.call.name, JSON.parse(part.call.arguments)]] : [])),
    isAnswering: split.isAnswering,
  };
}

const oslo = ['look_up', { city: 'Oslo' }];

describe.each(cuts)('%s', (_name, cut) => {
  test.each([
    [
      'thinking, then an answer',
      '<|channel|>analysis<|message|>They greet.<|end|><|start|>assistant<|channel|>final<|message|>Hello <b>!',
      { thinking: 'They greet.', text: 'Hello <b>!', calls: [], isAnswering: true },
    ],
    [
      'an answer alone',
      '<|channel|>final<|message|>Hello!',
      { thinking: '', text: 'Hello!', calls: [], isAnswering: true },
    ],
    ['no header at all', '{"a": 1}', { thinking: '', text: '{"a": 1}', calls: [], isAnswering: true }],
    [
      'thinking, words before a call, the call',
      '<|channel|>analysis<|message|>Look.<|end|><|start|>assistant<|channel|>commentary<|message|>I look it up.<|end|>' +
        '<|start|>assistant<|channel|>commentary to=functions.look_up <|constrain|>json<|message|>{"city": "Oslo"}',
      { thinking: 'Look.', text: 'I look it up.', calls: [oslo], isAnswering: true },
    ],
    [
      'a call that is addressed before its channel',
      ' to=functions.look_up<|channel|>commentary json<|message|>{"city": "Oslo"}',
      { thinking: '', text: '', calls: [oslo], isAnswering: true },
    ],
    [
      'marks without a text of their own',
      '<|channel|>analysis<|message|>Look.<|end|>assistant<|channel|>commentary to=functions.look_up json<|message|>{"city": "Oslo"}',
      { thinking: 'Look.', text: '', calls: [oslo], isAnswering: true },
    ],
    [
      'nothing but thinking',
      '<|channel|>analysis<|message|>Hm <|en',
      { thinking: 'Hm <|en', text: '', calls: [], isAnswering: false },
    ],
  ])('%s', (_what, text, expected) => {
    expect(read(cut(text))).toEqual(expected);
  });

  test('after a prompt that ends within thinking', () => {
    const text = 'They greet.<|end|><|start|>assistant<|channel|>final<|message|>Hello!';
    expect(read(cut(text), true)).toMatchObject({ thinking: 'They greet.', text: 'Hello!' });
  });
});
