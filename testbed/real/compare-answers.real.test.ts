import { expect, it } from 'vitest';
import { compareAnswers } from './compare-answers.ts';
import type { WireAnswer } from './wire-call.ts';

function json(text: string, over: Partial<WireAnswer> = {}): WireAnswer {
  return { status: 200, contentType: 'application/json', allow: '', location: '', text, ...over };
}

it('finds no difference in times, durations and random ids', () => {
  const one = '{"created_at":"2026-11-21T13:00:00.123456789Z","total_duration":5,"id":"call_abcdefgh","done":true}';
  const two = '{"created_at":"2026-11-21T14:00:00.1Z","total_duration":77,"id":"call_zzzz9999","done":true}';
  expect(compareAnswers(json(one), json(two))).toEqual([]);
});

it.each([
  ['a value', '{"a":1}', '{"a":2}', 'body.a'],
  ['a missing key', '{"a":1,"b":2}', '{"a":1}', 'body.b'],
  ['a further key', '{"a":1}', '{"a":1,"b":null}', 'body.b'],
  ['a number as text', '{"a":1}', '{"a":"1"}', 'body.a'],
  ['the length of a list', '{"a":[1]}', '{"a":[1,2]}', 'body.a.length'],
  ['a time in another form', '{"created_at":"2026-11-21T13:00:00Z"}', '{"created_at":"today"}', 'body.created_at'],
  ['a duration of nothing', '{"eval_duration":5}', '{"eval_duration":0}', 'body.eval_duration'],
  ['an id of another form', '{"id":"chatcmpl-17"}', '{"id":"chatcmpl-ab"}', 'body.id'],
  ['the end of the text', '{}', '{}\n', 'endsWithNewline'],
])('finds %s', (_, one, two, at) => {
  expect(compareAnswers(json(one), json(two)).map((difference) => difference.at)).toEqual([at]);
});

it('finds another status, content type and number of lines', () => {
  const lines = { contentType: 'application/x-ndjson' };
  expect(compareAnswers(json('{}'), json('{}', { status: 400 })).map(({ at }) => at)).toEqual(['status']);
  expect(compareAnswers(json('{"a":1}\n', lines), json('{"a":1}\n{"a":2}\n', lines)).map(({ at }) => at)).toEqual([
    'body.length',
  ]);
});
