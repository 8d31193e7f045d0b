import { expect, test } from 'vitest';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { ErrorCode } from '../../errors/error-codes.ts';
import { renderError, renderStreamError } from './render-error.ts';

test.each<[ErrorCode, number, string]>([
  ['bad-request', 400, 'invalid_request_error'],
  ['unauthorized', 401, 'authentication_error'],
  ['forbidden', 403, 'permission_error'],
  ['model-not-found', 404, 'not_found_error'],
  ['method-not-allowed', 405, 'invalid_request_error'],
  ['body-too-large', 413, 'request_too_large'],
  ['rate-limited', 429, 'rate_limit_error'],
  ['internal', 500, 'api_error'],
  ['engine-failed', 502, 'api_error'],
  ['overloaded', 503, 'overloaded_error'],
  ['no-node', 503, 'overloaded_error'],
  ['draining', 503, 'overloaded_error'],
  ['deadline-exceeded', 504, 'timeout_error'],
])('%s is %i %s', (code, status, type) => {
  const rendered = renderError(new ClusterError(code, 'why'), 'r-1');
  expect(rendered).toMatchObject({ status, contentType: 'application/json' });
  expect(JSON.parse(rendered.body)).toEqual({ type: 'error', error: { type, message: 'why' }, request_id: 'r-1' });
});

test('the words and the status of the engine', () => {
  const details = { engineStatus: 529, engineMessage: 'no room', hint: 'later' };
  const rendered = renderError(new ClusterError('engine-failed', 'x', { details }), 'r');
  expect(rendered.status).toBe(529);
  expect(JSON.parse(rendered.body)).toMatchObject({
    error: { type: 'overloaded_error', message: 'no room', hint: 'later' },
  });
});

test('a prompt that is longer than the context, in words that clients know', () => {
  const rendered = renderError(new ClusterError('context-length-exceeded', '9 of 8 tokens'), 'r');
  expect(rendered.status).toBe(400);
  expect(rendered.body).toContain('"prompt is too long: 9 of 8 tokens"');
});

test('inside a stream', () => {
  expect(Buffer.from(renderStreamError(new ClusterError('engine-failed', 'cut'), 'r')).toString()).toBe(
    'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"cut"},"request_id":"r"}\n\n',
  );
});
