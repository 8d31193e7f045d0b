import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { endOfEvent, readSseEvents, SseDecoder } from './sse.ts';

const stream = [
  ': a comment',
  'data: one',
  '',
  'event: named',
  'id: 7',
  'data: two',
  'data:three',
  'retry: 5',
  '',
  'event: without data',
  '',
  'data',
  '',
  'data: näive 🐝',
  '',
];
const events = [
  { event: 'message', data: 'one', id: '' },
  { event: 'named', data: 'two\nthree', id: '7' },
  { event: 'message', data: '', id: '7' },
  { event: 'message', data: 'näive 🐝', id: '7' },
];

describe('the standard', () => {
  test.each(['\n', '\r\n', '\r'])('with line end %j, however it is cut', (end) => {
    const bytes = Buffer.from(`\ufeff${stream.join(end)}${end}`);
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 20 }), (sizes) => {
        const decoder = new SseDecoder();
        let rest = bytes;
        const seen = [];
        for (const size of [...sizes, bytes.length]) {
          seen.push(...decoder.push(rest.subarray(0, size)));
          rest = rest.subarray(size);
        }
        expect(seen).toEqual(events);
      }),
    );
  });

  test('an event that no blank line ends is dropped', () => {
    expect(new SseDecoder().push(Buffer.from('data: a\n'))).toEqual([]);
  });

  test('an event beyond the bound is refused, in one line or in many', () => {
    expect(() => new SseDecoder(10).push(Buffer.from('data: 123456789'))).toThrow(/more than 10 bytes/);
    expect(() => new SseDecoder(10).push(Buffer.from('data: 1234\n'.repeat(3)))).toThrow(/more than 10 bytes/);
  });

  test('reads a stream', async () => {
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('data: a\n');
      yield Buffer.from('\ndata: b\n\n');
    }
    const seen: string[] = [];
    for await (const { data } of readSseEvents(chunks())) seen.push(data);
    expect(seen).toEqual(['a', 'b']);
  });
});

test.each([
  ['data: a\n\ndata: b', 9],
  ['data: a\r\n\r\nx', 11],
  ['data: a\ndata: b\n\n', 17],
  ['data: a\n', -1],
  ['data: a\r\n\r', -1],
  ['\ndata: a', 1],
  ['\r\ndata: a', 2],
  ['', -1],
])('%j ends at %i', (text, end) => {
  expect(endOfEvent(Buffer.from(text), 0)).toBe(end);
});
