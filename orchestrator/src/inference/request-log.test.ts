import { describe, expect, it } from 'vitest';
import { type RequestFilter, RequestLog } from './request-log.ts';
import type { AttemptRecord, RequestRecord } from './request-record.ts';

function toRecord(requestId: string, facts: Partial<RequestRecord> = {}): RequestRecord {
  return {
    requestId,
    endpoint: 'ollama.chat',
    model: 'llama3.2',
    stream: true,
    priority: 'normal',
    client: { address: '127.0.0.1', userAgent: 'test' },
    receivedAt: '2026-01-01T00:00:00.000Z',
    state: 'held',
    attempts: [],
    ...facts,
  };
}

/** One request from begin to end. */
function record(log: RequestLog, requestId: string, facts: Partial<RequestRecord> = {}): void {
  const entry = toRecord(requestId);
  log.begin(entry);
  Object.assign(entry, { state: 'done', ...facts });
  log.end(entry);
}

const ids = (log: RequestLog, filter: Partial<RequestFilter> = {}) =>
  log.list({ limit: 100, ...filter }).map((entry) => entry.requestId);

describe('RequestLog', () => {
  it('lists the newest first, running ones before ended ones', () => {
    const log = new RequestLog({ recentRequests: 10 });
    log.begin(toRecord('r1'));
    record(log, 'e1');
    record(log, 'e2');
    log.begin(toRecord('r2'));
    expect(ids(log)).toEqual(['r2', 'r1', 'e2', 'e1']);
    expect(ids(log, { limit: 3 })).toEqual(['r2', 'r1', 'e2']);
    expect(ids(log, { limit: 0 })).toEqual([]);
  });

  it('remembers no more ended requests than it was told, and every running one', () => {
    const log = new RequestLog({ recentRequests: 3 });
    for (let count = 1; count <= 5; count++) log.begin(toRecord(`r${count}`));
    for (let count = 1; count <= 7; count++) record(log, `e${count}`);
    expect(ids(log)).toEqual(['r5', 'r4', 'r3', 'r2', 'r1', 'e7', 'e6', 'e5']);
    expect(log.get('e5')?.requestId).toBe('e5');
    expect(log.get('e4')).toBeUndefined();
    expect(log.get('r1')?.state).toBe('held');
  });

  it('keeps no long texts of ended requests', () => {
    const log = new RequestLog({ recentRequests: 10 });
    const long = `${'x'.repeat(254)}😀${'x'.repeat(100_000)}`;
    const attempt = { node: 'n', engineId: 'e', decision: {} as AttemptRecord['decision'], boundMs: 1 };
    record(log, 'long', {
      model: long,
      client: { address: '127.0.0.1', userAgent: long },
      error: { code: 'engine-failed', message: long },
      attempts: [
        { ...attempt, model: 'tiny', reason: long },
        { ...attempt, model: 'tiny' },
      ],
    });
    const kept = log.get('long');
    expect(JSON.stringify(kept).length).toBeLessThan(6_000);
    expect(kept?.model).toBe(`${'x'.repeat(254)}…`);
    expect(kept?.error).toMatchObject({ code: 'engine-failed', message: expect.stringMatching(/^x{254}😀x{1791}…$/u) });
    expect(kept?.attempts[1]).toEqual({ ...attempt, model: 'tiny' });
    const short = { model: 'x'.repeat(256), error: { code: 'engine-failed', message: 'y'.repeat(2_048) } };
    record(log, 'short', short);
    expect(log.get('short')).toMatchObject(short);
  });

  it('filters by state, model and node, and all of them at once', () => {
    const log = new RequestLog({ recentRequests: 10 });
    record(log, 'a', { node: 'garage', model: 'llama3.2' });
    record(log, 'b', { node: 'attic', model: 'llama3.2', state: 'failed' });
    record(log, 'c', { node: 'garage', model: 'qwen3', state: 'failed' });
    record(log, 'd', { node: 'garage', model: 'llama3.2', state: 'failed' });
    log.begin(toRecord('e'));
    expect(ids(log, { state: 'failed' })).toEqual(['d', 'c', 'b']);
    expect(ids(log, { state: 'held' })).toEqual(['e']);
    expect(ids(log, { model: 'qwen3' })).toEqual(['c']);
    expect(ids(log, { node: 'attic' })).toEqual(['b']);
    expect(ids(log, { state: 'failed', model: 'llama3.2', node: 'garage' })).toEqual(['d']);
    expect(ids(log, { state: 'failed', limit: 2 })).toEqual(['d', 'c']);
  });

  it('counts totals over everything, also what it no longer remembers', () => {
    const log = new RequestLog({ recentRequests: 1 });
    record(log, 'a', { usage: { promptTokens: 10, completionTokens: 4 } });
    record(log, 'b', { state: 'failed' });
    record(log, 'c', { state: 'client-gone', usage: { promptTokens: 5, completionTokens: 1 } });
    log.begin(toRecord('d'));
    expect(log.totals).toEqual({ requests: 4, failed: 1, clientGone: 1, promptTokens: 15, completionTokens: 5 });
  });

  it('keeps nothing that ended where it is told to keep none', () => {
    const log = new RequestLog({ recentRequests: 0 });
    log.begin(toRecord('r'));
    record(log, 'e');
    expect(ids(log)).toEqual(['r']);
    expect(log.get('e')).toBeUndefined();
    expect(log.totals.requests).toBe(2);
  });

  it('remembers more or fewer when it is told so, the newest in any case', () => {
    const limits = { recentRequests: 3 };
    const log = new RequestLog(limits);
    for (const id of ['a', 'b', 'c', 'd']) record(log, id);
    limits.recentRequests = 5;
    for (const id of ['e', 'f']) record(log, id);
    expect(ids(log)).toEqual(['f', 'e', 'd', 'c', 'b']);
    limits.recentRequests = 2;
    record(log, 'g');
    expect(ids(log)).toEqual(['g', 'f']);
    record(log, 'h');
    expect(ids(log)).toEqual(['h', 'g']);
    limits.recentRequests = 0;
    record(log, 'i');
    expect(ids(log)).toEqual([]);
  });

  it('a request with the id of a running one does not end it', () => {
    const log = new RequestLog({ recentRequests: 10 });
    const first = toRecord('same', { model: 'first' });
    const second = toRecord('same', { model: 'second' });
    log.begin(first);
    log.begin(second);
    log.end(first);
    expect(log.get('same')).toBe(second);
    expect(log.list({ limit: 10 })).toEqual([second, first]);
  });
});
