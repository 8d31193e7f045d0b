import type { FailureCause, JobEnd, JobFailure } from '@waggle/shared/cluster/job.ts';
import { describe, expect, it } from 'vitest';
import { toEngineReport } from '../testing/reports.ts';
import type { AttemptFailure } from './attempt.ts';
import { judgeFailure, toFailureError } from './failure-policy.ts';

const never = Number.POSITIVE_INFINITY;

function ended(cause: FailureCause, facts: Partial<JobFailure> = {}): AttemptFailure {
  return {
    kind: 'ended',
    end: { outcome: 'failed', failure: { cause, code: 'engine-failed', message: 'no', ...facts } },
  };
}

const givenUp: AttemptFailure = { kind: 'ended', end: { outcome: 'cancelled' } };
const unexplained: AttemptFailure = { kind: 'ended', end: { outcome: 'failed' } };

describe('judgeFailure', () => {
  it.each([
    ['declined', { kind: 'declined', reason: 'no-slot' }, { action: 'retry', costs: false, excludeMs: 100 }],
    ['lost', { kind: 'lost', reason: 'cut' }, { action: 'retry', costs: false, excludeMs: 1_000 }],
    ['given up by the node', givenUp, { action: 'retry', costs: false, excludeMs: 1_000 }],
    [
      'model deleted there',
      ended('request', { code: 'model-not-found' }),
      { action: 'retry', costs: false, excludeMs: never },
    ],
    [
      'unreachable engine',
      ended('unreachable'),
      { action: 'retry', costs: false, excludeMs: 1_000, rest: 'engine', restMs: 1_000 },
    ],
    ['engine fault', ended('engine'), { action: 'retry', costs: true, excludeMs: never }],
    ['fault of the node', ended('internal'), { action: 'retry', costs: true, excludeMs: never }],
    [
      '401, and 403 without a word',
      ended('auth'),
      { action: 'retry', costs: false, excludeMs: never, rest: 'rejected' },
    ],
    ['403 in words', ended('forbidden'), { action: 'retry', costs: false, excludeMs: never, rest: 'shown' }],
    ['4xx of the request', ended('request'), { action: 'fail' }],
    ['no reason given', unexplained, { action: 'fail' }],
  ] as const)('%s', (_, failure, verdict) => {
    expect(judgeFailure(failure, 0)).toEqual(verdict);
  });

  it.each([
    [0, 1_000],
    [1, 2_000],
    [2, 4_000],
    [3, 8_000],
    [4, 8_000],
    [2_000, 8_000],
  ])('after %i pauses in a row a 429 without a time rests the model for %i ms', (restsInRow, restMs) => {
    const verdict = { action: 'retry', costs: false, excludeMs: restMs, rest: 'model', restMs };
    expect(judgeFailure(ended('rate-limited'), restsInRow)).toEqual(verdict);
  });

  it('rests as long as the engine asked for, however often it asked before', () => {
    expect(judgeFailure(ended('rate-limited', { retryAfterMs: 20_000 }), 5)).toEqual({
      action: 'retry',
      costs: false,
      excludeMs: 20_000,
      rest: 'model',
      restMs: 20_000,
    });
  });
});

describe('toFailureError', () => {
  const report = toEngineReport({ kind: 'vllm', url: 'http://big:8000/v1' });

  it('says where to mend refused credentials', () => {
    const { code, message, details } = toFailureError(
      ended('auth', { message: 'no (status 401)', engineStatus: 401, engineBody: 'no' }),
      'big',
      report,
    );
    expect(details).toEqual({ engineStatus: 401 });
    expect(code).toBe('engine-failed');
    for (const word of ['node big', 'vllm', 'http://big:8000/v1', 'no (status 401)', 'apiKeyEnv'])
      expect(message).toContain(word);
  });

  it('keeps the words, the status and the pause of the engine, and the field it is about', () => {
    const end: JobEnd = {
      outcome: 'failed',
      failure: {
        cause: 'rate-limited',
        code: 'rate-limited',
        message: 'slow down',
        engineStatus: 429,
        engineBody: '{"error":"slow down"}',
        retryAfterMs: 3_000,
        param: 'n',
      },
    };
    const error = toFailureError({ kind: 'ended', end }, 'a', report);
    expect(error).toMatchObject({ code: 'rate-limited', message: 'slow down' });
    expect(error.details).toEqual({ engineStatus: 429, engineMessage: 'slow down', retryAfterMs: 3_000, param: 'n' });
  });

  it('claims no words of the engine where there were none', () => {
    expect(toFailureError(ended('engine', { message: 'socket hang up' }), 'a', report).details).toEqual({});
    expect(toFailureError(unexplained, 'a', report)).toMatchObject({ code: 'engine-failed' });
  });

  it('names the node where the engine has nothing to say', () => {
    const declined = toFailureError({ kind: 'declined', reason: 'draining' }, 'garage', report);
    expect(declined).toMatchObject({ code: 'no-node', details: { retryAfterMs: 1_000 } });
    expect(declined.message).toContain('garage');
    expect(declined.message).toContain('draining');
    const lost = toFailureError({ kind: 'lost', reason: 'cut' }, 'garage', report);
    expect(lost).toMatchObject({ code: 'engine-unreachable' });
    expect(lost.message).toContain('garage');
  });
});
