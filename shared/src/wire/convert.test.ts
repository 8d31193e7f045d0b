import { describe, expect, test } from 'vitest';
import type { ModelReport } from '../cluster/model.ts';
import type { NodeReport } from '../cluster/node.ts';
import { ClusterError } from '../errors/cluster-error.ts';
import { ScriptedHost, toEngineReport } from '../lane-link/testing/scripted-host.ts';
import type { ControlDown, ControlUp } from './control-frames.ts';
import { decodeControlDown, decodeControlUp, encodeControlDown, encodeControlUp } from './convert-control.ts';
import { decodeEvents, encodeEvents } from './convert-events.ts';
import { decodeOperationDown, decodeOperationUp, encodeOperationDown, encodeOperationUp } from './convert-operation.ts';
import { isCompatible } from './protocol-version.ts';
import { isSmallReport, ReportJoiner, toReportFrames } from './report-parts.ts';

const model: ModelReport = {
  name: 'llama3.2:latest',
  digest: 'a80c4f17acd5',
  sizeBytes: 2 ** 41,
  state: 'hot',
  capabilities: ['completion', 'tools'],
  contextLength: 131_072,
  numCtx: 4096,
  parallel: 4,
  modifiedAt: '2026-01-01T00:00:00Z',
  family: 'llama',
  parameterSize: '3.2B',
  quantization: 'Q4_K_M',
  resident: { sizeBytes: 3e9, vramBytes: 0, expiresAt: '2026-01-01T00:05:00Z' },
  tagJson: '{"name":"é"}',
  psJson: '{}',
  scripted: true,
};
const report: NodeReport = {
  sequence: 2 ** 40,
  hardware: {
    platform: 'linux',
    arch: 'x64',
    cpu: 'a cpu',
    cpuCores: 8,
    memoryBytes: 2 ** 37,
    gpus: [{ name: 'a gpu', vendor: 'v', vramBytes: 2 ** 34 }],
  },
  engines: [
    toEngineReport('e1', 4, { models: [model, { name: 'm', digest: '', sizeBytes: 0, state: 'cold', parallel: 1 }] }),
    toEngineReport('e2', 0, { kind: 'vllm', dialect: 'openai', health: 'down', problem: 'refuses', foreignJobs: 0 }),
  ],
  memoryAvailableBytes: 2 ** 33,
  draining: true,
  waitingJobs: 1,
  labels: { type: 'gpu' },
};
const { identity } = new ScriptedHost({});
const nonce = Buffer.from('0123456789abcdef0123456789abcdef');
const error = new ClusterError('engine-failed', 'no', {
  details: { engineStatus: 500, engineMessage: 'm', retryAfterMs: 1.5, param: 'p', hint: 'h' },
});

const ups: readonly ControlUp[] = [
  { type: 'register', protocol: { major: 1, minor: 0 }, identity, nonce, proof: nonce, report },
  { type: 'report', report },
  { type: 'report-part', bytes: nonce, last: true },
  { type: 'heartbeat' },
  { type: 'pong', id: 0, bootId: 'b' },
  { type: 'command-result', commandId: 4 },
  { type: 'command-result', commandId: 5, error },
  { type: 'leave', reason: 'drained' },
  { type: 'log-batch', entries: [], dropped: 3 },
  {
    type: 'log-batch',
    entries: (['error', 'warn', 'info', 'debug'] as const).map((level, index) => ({
      timeMs: 1.8e12 + index,
      level,
      event: 'engine-up',
      factsJson: '{"engine":"é"}',
    })),
    dropped: 0,
  },
  { type: 'unknown' },
];

const command = {
  engineId: 'e1',
  model: 'm',
  pins: { numCtx: 8192, keepAliveSeconds: -1, startOptions: { num_gpu: -1 } },
};
const downs: readonly ControlDown[] = [
  { type: 'hello', protocol: { major: 1, minor: 3 }, clusterId: 'c', version: '0.1.0', nonce },
  { type: 'welcome', epoch: 3, proof: nonce, sessionId: 's', lanesPerNode: 1024, heartbeatMs: 500 },
  { type: 'refused', reason: 'same-name', message: 'm' },
  { type: 'ping', id: 0 },
  { type: 'command', commandId: 1, action: 'load', model: command },
  { type: 'command', commandId: 2, action: 'unload', model: { ...command, pins: {} } },
  { type: 'cancel-command', commandId: 1 },
  { type: 'open-operation', streamId: 9 },
  { type: 'closing', reason: 'shutting-down', message: 'm' },
  { type: 'unknown' },
];

describe('control', () => {
  test.each(ups.map((frame) => [frame.type, frame] as const))('up: %s', (_, frame) => {
    const arrived = decodeControlUp(encodeControlUp(frame));
    if (frame.type === 'command-result') expect(arrived).toEqual(frame);
    expect(plain(arrived)).toEqual(plain(frame));
  });

  test.each(downs.map((frame) => [frame.type, frame] as const))('down: %s', (_, frame) => {
    expect(plain(decodeControlDown(encodeControlDown(frame)))).toEqual(plain(frame));
  });

  test('kinds of a later version are unknown, not an error', () => {
    const later = Buffer.from('a2060308011a00', 'hex');
    expect([decodeControlUp(later).type, decodeControlDown(later).type]).toEqual(['unknown', 'unknown']);
    expect([decodeOperationUp(later).type, decodeOperationDown(later).type]).toEqual(['unknown', 'unknown']);
  });

  test('names of a later version become the nearest known', () => {
    const engines = [{ ...toEngineReport('e1', 1, { models: [model] }), kind: 'quantum', health: 'dizzy' }];
    const strange = { ...report, engines } as unknown as NodeReport;
    const arrived = decodeControlUp(encodeControlUp({ type: 'report', report: strange }));
    expect(arrived).toMatchObject({ report: { engines: [{ kind: 'openai-compatible', health: 'unknown' }] } });
    const told = { ...model, state: 'lukewarm', capabilities: ['completion', 'telepathy'] } as unknown as ModelReport;
    const odd = decodeControlUp(
      encodeControlUp({ type: 'report', report: { ...report, engines: [toEngineReport('e', 1, { models: [told] })] } }),
    );
    expect(odd).toMatchObject({ report: { engines: [{ models: [{ state: 'cold', capabilities: ['completion'] }] }] } });
  });

  test('a log batch is a kind that an older peer skips', () => {
    const bytes = encodeControlUp({ type: 'log-batch', entries: [], dropped: 1 });
    expect(bytes[0]).toBe((8 << 3) | 2);
    // An orchestrator that knows kinds up to 7 reads it as this one reads the next kind.
    expect(decodeControlUp(Buffer.concat([Buffer.from([(9 << 3) | 2]), bytes.subarray(1)]))).toEqual({
      type: 'unknown',
    });
  });

  test('a level of a later version is info; a batch of more entries than anybody sends is cut and counted', () => {
    const entry = Buffer.from('0a021009', 'hex');
    const batch = Buffer.concat([Buffer.from([(8 << 3) | 2, entry.byteLength]), entry]);
    expect(decodeControlUp(batch)).toMatchObject({
      entries: [{ level: 'info', event: '', factsJson: '' }],
      dropped: 0,
    });
    const entries = Array.from({ length: 2_500 }, () => ({
      timeMs: 1,
      level: 'info' as const,
      event: 'e',
      factsJson: '',
    }));
    const many = decodeControlUp(encodeControlUp({ type: 'log-batch', entries, dropped: 7 }));
    expect(many).toMatchObject({ dropped: 507 });
    expect(many.type === 'log-batch' && many.entries.length).toBe(2_000);
  });

  test('measured figures that are not whole, or no figures, do not break a report', () => {
    const strange = { ...report, memoryAvailableBytes: 1.5e9 + 0.25, waitingJobs: -1, sequence: Number.NaN };
    const arrived = decodeControlUp(encodeControlUp({ type: 'report', report: strange }));
    expect(arrived).toMatchObject({ report: { memoryAvailableBytes: 1.5e9, waitingJobs: 0, sequence: 0 } });
  });
});

describe('large reports', () => {
  const many = Array.from({ length: 3000 }, (_, index) => ({ ...model, name: `m${index}`, tagJson: 'x'.repeat(1000) }));
  const large = { ...report, engines: [toEngineReport('e1', 1, { models: many })] };

  test('go in parts and are put together again', () => {
    expect([isSmallReport(report), isSmallReport(large)]).toEqual([true, false]);
    const joiner = new ReportJoiner();
    const frames = toReportFrames(large);
    expect(frames.length).toBeGreaterThan(3);
    const joined = frames.map((frame) =>
      frame.type === 'report-part' ? joiner.add(frame.bytes, frame.last) : undefined,
    );
    expect(joined.slice(0, -1).every((value) => value === undefined)).toBe(true);
    expect(joined.at(-1)).toEqual(large);
  });

  test('parts that make no report are left out, and the next report is whole', () => {
    const joiner = new ReportJoiner();
    expect(joiner.add(Buffer.from('327f', 'hex'), true)).toBeUndefined();
    const frames = toReportFrames(large);
    const last = frames
      .map((frame) => (frame.type === 'report-part' ? joiner.add(frame.bytes, frame.last) : undefined))
      .at(-1);
    expect(last).toEqual(large);
  });
});

test('operations', () => {
  const request = { operationId: 'o', engineId: 'e', name: 'pull', bodyJson: '{}' } as const;
  for (const frame of [
    { type: 'start', request },
    { type: 'content', bytes: Buffer.from('x') },
    { type: 'content-end', broken: true },
    { type: 'cancel' },
  ] as const) {
    expect(plain(decodeOperationDown(encodeOperationDown(frame)))).toEqual(plain(frame));
  }
  const later = decodeOperationDown(
    encodeOperationDown({ type: 'start', request: { ...request, name: 'teleport' as 'pull' } }),
  );
  expect(later).toEqual({ type: 'start', request: { ...request, name: undefined } });
  for (const frame of [
    { type: 'head', status: 200, contentType: 't' },
    { type: 'chunk', bytes: Buffer.from('x') },
    { type: 'end' },
    { type: 'end', failure: { cause: 'engine', code: 'engine-failed', message: 'm', engineStatus: 500 } },
  ] as const) {
    expect(plain(decodeOperationUp(encodeOperationUp(frame)))).toEqual(plain(frame));
  }
});

test('events of a later version are left out', () => {
  const known = Buffer.from(encodeEvents([{ type: 'text-delta', text: 'a' }]));
  const later = Buffer.from('0a05ba06027879', 'hex');
  expect(decodeEvents(Buffer.concat([later, known]))).toEqual([{ type: 'text-delta', text: 'a' }]);
});

test('the stop sequence of an answer goes with its end', () => {
  const end = { type: 'response-end', finishReason: 'stop', stopSequence: 'END' } as const;
  expect(decodeEvents(encodeEvents([end]))).toEqual([end]);
});

test('plain deltas are encoded as the others are', () => {
  for (const text of ['', 'a', 'é'.repeat(100), '🐝'.repeat(5000)]) {
    expect(decodeEvents(encodeEvents([{ type: 'text-delta', text }]))).toEqual([{ type: 'text-delta', text }]);
    expect(decodeEvents(encodeEvents([{ type: 'thinking-delta', text }]))).toEqual([{ type: 'thinking-delta', text }]);
  }
});

test('majors must agree, minors need not', () => {
  expect(isCompatible({ major: 1, minor: 9 }, { major: 1, minor: 0 })).toBe(true);
  expect(isCompatible({ major: 2, minor: 0 }, { major: 1, minor: 0 })).toBe(false);
});

/** Views of buffers as plain ones, so that they compare by content. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Error) return value.message;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
