import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type EndpointName, endpoints } from '../chat/endpoints.ts';
import { type DeclineReason, type JobEnd, type JobHeader, priorities } from '../cluster/job.ts';
import { type ErrorCode, errorCodes } from '../errors/error-codes.ts';
import { decodeLaneDown, decodeLaneUp } from './decode-lane-frames.ts';
import {
  encodeBind,
  encodeBodyPart,
  encodeCancel,
  encodeDeclined,
  encodeUp,
  helloFrame,
  retireFrame,
} from './encode-lane-frames.ts';
import { LaneDown, LaneUp } from './generated/waggle/v1/lanes.ts';

const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.string({ minLength: 38, maxLength: 46 }));
const count = fc.oneof(fc.nat(200), fc.nat(2 ** 31));
const ms = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

function present<T extends object>(facts: T): T {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as T;
}

const headers: fc.Arbitrary<JobHeader> = fc
  .record({
    jobId: text,
    attempt: fc.integer({ min: 1, max: 100 }),
    requestId: text,
    endpoint: fc.constantFrom(...(Object.keys(endpoints) as EndpointName[])),
    engineId: fc.constant('e1'),
    model: text,
    answerModel: text,
    stream: fc.boolean(),
    answer: fc.constantFrom('native', 'events'),
    priority: fc.constantFrom(...priorities),
    remainingMs: optional(ms),
    traceparent: optional(text),
    hops: optional(text),
    pins: fc
      .record({
        numCtx: optional(count),
        keepAliveSeconds: optional(fc.double({ noNaN: true })),
        startOptions: optional(fc.dictionary(text, fc.oneof(fc.integer(), fc.boolean()), { noNullPrototype: true })),
      })
      .map(present),
  })
  .map((header) => present(header) as JobHeader);

const ends: fc.Arbitrary<JobEnd> = fc
  .record({
    outcome: fc.constantFrom('done', 'failed', 'cancelled'),
    failure: optional(
      fc
        .record({
          cause: fc.constantFrom('request', 'unreachable', 'engine', 'rate-limited', 'auth', 'forbidden', 'internal'),
          code: fc.constantFrom(...(Object.keys(errorCodes) as ErrorCode[])),
          message: text,
          engineStatus: optional(count),
          engineBody: optional(text),
          retryAfterMs: optional(ms),
          param: optional(text),
        })
        .map(present),
    ),
    usage: optional(
      fc.record({ promptTokens: count, completionTokens: count, cachedTokens: optional(count) }).map(present),
    ),
    timings: optional(
      fc
        .record({ totalMs: optional(ms), loadMs: optional(ms), prefillMs: optional(ms), decodeMs: optional(ms) })
        .map(present),
    ),
    estimated: fc.constantFrom(true, undefined),
  })
  .map((end) => present(end) as JobEnd);

const payloads = fc.record({
  kinds: fc.nat(63),
  deltas: count,
  form: fc.constantFrom('native' as const, 'events' as const),
  bytes,
  continued: fc.boolean(),
});

describe('what is encoded by hand', () => {
  test('a bind arrives as it was', () => {
    fc.assert(
      fc.property(count, headers, count, bytes, (job, header, bodyBytes, body) => {
        const { engineId, ...sent } = header;
        expect(engineId).toBe('e1');
        expect(decodeLaneDown(encodeBind(job, header, bodyBytes, body))).toEqual({
          job,
          hello: false,
          bind: { header: sent, bodyBytes },
          body: expect.objectContaining({ byteLength: body.byteLength }),
          cancel: false,
        });
        expect(Buffer.compare(decodeLaneDown(encodeBind(job, header, bodyBytes, body)).body, body)).toBe(0);
      }),
    );
  });

  test('what a node says arrives as it was', () => {
    fc.assert(
      fc.property(count, fc.boolean(), optional(payloads), optional(ends), (job, accepted, payload, end) => {
        const frame = decodeLaneUp(encodeUp(job, accepted, payload, end));
        expect([frame.job, frame.accepted, frame.declined, frame.retire]).toEqual([job, accepted, undefined, false]);
        expect([frame.kinds, frame.deltas, frame.continued]).toEqual(
          payload === undefined ? [0, 0, false] : [payload.kinds, payload.deltas, payload.continued],
        );
        const got = frame.native ?? frame.events;
        expect(got === undefined ? undefined : Buffer.from(got)).toEqual(payload?.bytes);
        expect(frame.native !== undefined).toBe(payload?.form === 'native');
        expect(frame.ended).toEqual(end);
      }),
    );
  });

  test('the generated encoders write the same messages', () => {
    fc.assert(
      fc.property(headers, bytes, ends, (header, body, end) => {
        const down = LaneDown.decode(encodeBind(3, header, body.byteLength, body));
        expect(LaneDown.decode(Buffer.from(LaneDown.encode(down).finish()))).toEqual(down);
        const up = LaneUp.decode(
          encodeUp(3, true, { form: 'native', bytes: body, kinds: 1, deltas: 2, continued: false }, end),
        );
        expect(LaneUp.decode(Buffer.from(LaneUp.encode(up).finish()))).toEqual(up);
      }),
    );
  });

  test('the small frames', () => {
    expect(decodeLaneDown(helloFrame)).toMatchObject({ job: 0, hello: true, bind: undefined });
    expect(decodeLaneDown(encodeCancel(300))).toMatchObject({ job: 300, cancel: true, bind: undefined });
    expect(decodeLaneDown(encodeBodyPart(7, Buffer.from('abc')))).toMatchObject({ job: 7, body: Buffer.from('abc') });
    expect(decodeLaneUp(retireFrame)).toMatchObject({ job: 0, retire: true });
    for (const reason of [
      'draining',
      'no-slot',
      'foreign-load',
      'unknown-engine',
      'busy-lane',
    ] satisfies DeclineReason[]) {
      expect(decodeLaneUp(encodeDeclined(5, reason))).toMatchObject({ job: 5, declined: reason, accepted: false });
    }
  });

  test('figures of an engine that are no counts spoil nothing', () => {
    const usage = { promptTokens: -1, completionTokens: 2.9, cachedTokens: Number.NaN };
    const { ended } = decodeLaneUp(encodeUp(1, true, undefined, { outcome: 'done', usage }));
    expect(ended?.usage).toEqual({ promptTokens: 0, completionTokens: 2, cachedTokens: 0 });
  });

  test('payloads are views of what arrived, not copies', () => {
    const payload = { form: 'native', bytes: Buffer.from('xyz'), kinds: 2, deltas: 1, continued: false } as const;
    const arrived = encodeUp(1, true, payload, undefined);
    expect(decodeLaneUp(arrived).native?.buffer).toBe(arrived.buffer);
  });
});

describe('what a later version may add', () => {
  /** Field 100 as a number, field 101 as bytes. */
  const unknown = Buffer.from('a00605aa0603616263', 'hex');

  test('unknown fields are skipped', () => {
    const up = Buffer.concat([unknown, encodeUp(1, true, undefined, { outcome: 'done' }), unknown]);
    expect(decodeLaneUp(up)).toMatchObject({ job: 1, accepted: true, ended: { outcome: 'done' } });
    const down = Buffer.concat([unknown, encodeCancel(2)]);
    expect(decodeLaneDown(down)).toMatchObject({ job: 2, cancel: true });
  });

  test('names and numbers it does not know become the nearest it does', () => {
    const end = { outcome: 'failed', failure: { cause: 'karma', code: 'teapot', message: 'm' } };
    const { ended } = decodeLaneUp(encodeUp(1, true, undefined, end as unknown as JobEnd));
    expect(ended?.failure).toEqual({ cause: 'internal', code: 'internal', message: 'm' });
    expect(decodeLaneUp(Buffer.from('08011863', 'hex')).declined).toBe('no-slot');
    expect(decodeLaneUp(Buffer.from('08014a020863', 'hex')).ended).toEqual({ outcome: 'failed' });
  });
});
