import { describe, expect, test } from 'vitest';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { ErrorCode } from '../../errors/error-codes.ts';
import { dialects } from '../dialects.ts';

const notFound = new ClusterError('model-not-found', "model 'x' not found", { details: { hint: 'did you mean y?' } });

test('Ollama', () => {
  expect(dialects.ollama.renderError(notFound)).toEqual({
    status: 404,
    body: `{"error":"model 'x' not found","hint":"did you mean y?"}`,
    contentType: 'application/json; charset=utf-8',
  });
  expect(Buffer.from(dialects.ollama.renderStreamError(new ClusterError('engine-failed', 'a "b"'))).toString()).toBe(
    '{"error":"a \\"b\\""}\n',
  );
});

test('OpenAI', () => {
  const wrong = new ClusterError('bad-request', 'wrong', { details: { param: 'n' } });
  expect(dialects.openai.renderError(wrong)).toEqual({
    status: 400,
    body: '{"error":{"message":"wrong","type":"invalid_request_error","param":"n","code":null}}\n',
    contentType: 'application/json',
  });
  expect(Buffer.from(dialects.openai.renderStreamError(new ClusterError('engine-failed', 'dead'))).toString()).toBe(
    'data: {"error":{"message":"dead","type":"api_error","param":null,"code":null}}\n\n',
  );
});

describe('status, type and code for a client of OpenAI', () => {
  test.each<[ErrorCode, number, string, string | null]>([
    ['model-not-found', 404, 'not_found_error', null],
    ['unsupported', 400, 'invalid_request_error', null],
    ['context-length-exceeded', 400, 'invalid_request_error', 'context_length_exceeded'],
    ['rate-limited', 429, 'rate_limit_error', 'rate_limit_exceeded'],
    ['client-gone', 499, 'api_error', 'client_gone'],
    ['internal', 500, 'api_error', null],
    ['not-implemented', 501, 'api_error', 'not_implemented'],
    ['overloaded', 503, 'api_error', 'overloaded'],
    ['no-node', 503, 'api_error', 'no_node'],
    ['deadline-exceeded', 504, 'api_error', 'deadline_exceeded'],
  ])('%s', (code, status, type, name) => {
    const rendered = dialects.openai.renderError(new ClusterError(code, 'text'));
    expect(rendered.status).toBe(status);
    expect(JSON.parse(rendered.body)).toMatchObject({ error: { type, code: name } });
    expect(dialects.ollama.renderError(new ClusterError(code, 'text')).status).toBe(status);
  });
});

describe('what the engine said', () => {
  test.each<[number, number]>([
    [500, 500],
    [422, 422],
    [401, 502],
    [403, 502],
    [200, 502],
  ])('its status %i is told as %i', (engineStatus, status) => {
    const error = new ClusterError('engine-failed', 'ours', { details: { engineStatus, engineMessage: 'theirs' } });
    for (const dialect of Object.values(dialects)) {
      const rendered = dialect.renderError(error);
      expect(rendered.status).toBe(status);
      expect(rendered.body).toContain('theirs');
    }
  });
});
