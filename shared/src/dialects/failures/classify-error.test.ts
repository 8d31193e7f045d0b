import { describe, expect, test } from 'vitest';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import type { JobFailure } from '../../cluster/job.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { readRecordings } from '../answers/recordings.ts';
import { dialects } from '../dialects.ts';
import { toJobFailure } from './job-failure.ts';

const failures = readRecordings().filter(({ status }) => status >= 400);

/** What each recorded refusal is, as the contract between the tiers says. Everything else is the request's own fault: `bad-request`. */
const special: Readonly<Record<string, Pick<JobFailure, 'cause' | 'code'>>> = {
  'generate-queue-full': { cause: 'rate-limited', code: 'overloaded' },
  'chat-injected-429': { cause: 'rate-limited', code: 'rate-limited' },
  'chat-injected-503': { cause: 'engine', code: 'engine-failed' },
  'embed-one': { cause: 'request', code: 'not-implemented' },
  'embeddings-501': { cause: 'request', code: 'not-implemented' },
};

function expected(name: string, status: number): Pick<JobFailure, 'cause' | 'code'> {
  const known = special[name];
  if (known !== undefined) return known;
  if (/too-long|truncate-false/.test(name)) return { cause: 'request', code: 'context-length-exceeded' };
  return { cause: 'request', code: status === 404 ? 'model-not-found' : 'bad-request' };
}

describe('recorded refusals', () => {
  test.each(failures.map((entry) => [`${entry.engine} ${entry.name} ${entry.status}`, entry] as const))(
    '%s',
    (_, entry) => {
      const { endpoint, status, bytes, name } = entry;
      const body = bytes.toString();
      const failure = dialects[endpoints[endpoint].dialect].classifyError(status, {}, body, endpoint);
      expect(failure).toMatchObject(expected(name, status));
      expect(failure.engineBody).toBe(body);
      expect(failure.message).not.toMatch(/^\{/);
      expect(failure.message.length).toBeGreaterThan(5);
      // The status is kept, save where it says that the engine is to blame and it is not.
      const isMisleading = status === 500 && failure.cause === 'request';
      expect(failure.engineStatus).toBe(isMisleading ? undefined : status);
    },
  );
});

describe('other forms', () => {
  const classify = (
    status: number,
    body: string,
    headers: Record<string, string | string[]> = {},
    endpoint: EndpointName = 'openai.chat',
  ) => dialects[endpoints[endpoint].dialect].classifyError(status, headers, body, endpoint);

  test.each<[string, number, string, Partial<JobFailure>]>([
    ['FastAPI text', 400, '{"detail":"Bad thing"}', { cause: 'request', code: 'bad-request', message: 'Bad thing' }],
    [
      'FastAPI list',
      422,
      '{"detail":[{"loc":["body","model"],"msg":"field required"},{"msg":"x"}]}',
      { code: 'bad-request', message: 'body.model: field required; x' },
    ],
    [
      'older vLLM',
      400,
      '{"object":"error","message":"too much","type":"BadRequestError","code":400}',
      { message: 'too much' },
    ],
    [
      'vLLM, long prompt',
      400,
      '{"error":{"message":"This model\'s maximum context length is 8 tokens.","type":"BadRequestError","code":400}}',
      { code: 'context-length-exceeded' },
    ],
    [
      'plain text',
      500,
      'Internal Server Error',
      { cause: 'engine', code: 'engine-failed', message: 'Internal Server Error' },
    ],
    [
      'a page',
      502,
      '<html>Bad gateway</html>',
      { cause: 'engine', message: 'the engine answered with status 502 and gave no reason' },
    ],
    ['nothing', 500, '', { cause: 'engine', message: 'the engine answered with status 500 and gave no reason' }],
    [
      'key refused',
      401,
      '{"error":{"message":"Incorrect API key sk-1"}}',
      { cause: 'auth', code: 'engine-failed', message: "the engine refused this node's credentials (status 401)" },
    ],
    ['foreign host', 403, '', { cause: 'auth' }],
    ['a page that forbids', 403, '<html>Forbidden</html>', { cause: 'auth', code: 'engine-failed' }],
    [
      'a model that is not for everybody',
      403,
      '{"error":{"message":"no access to model big","type":"permission_error"}}',
      { cause: 'forbidden', code: 'forbidden', message: 'no access to model big', engineStatus: 403 },
    ],
    [
      'no such route',
      404,
      '404 page not found',
      { cause: 'request', code: 'unsupported', message: 'the engine does not serve /v1/chat/completions' },
    ],
    ['no such method', 405, '', { cause: 'request', code: 'unsupported' }],
    [
      'model loading',
      503,
      '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
      { cause: 'rate-limited', code: 'overloaded', retryAfterMs: 1000 },
    ],
    ['large body', 413, '', { cause: 'request', code: 'body-too-large' }],
    ['too slow', 408, '', { cause: 'engine', code: 'engine-failed' }],
    [
      'image to a text model',
      500,
      '{"error":{"code":500,"message":"image input is not supported - hint: mmproj","type":"server_error"}}',
      { cause: 'request', code: 'bad-request' },
    ],
    [
      'a wrapped refusal',
      500,
      '{"error":"{\\"error\\":{\\"code\\":400,\\"message\\":\\"inner\\"}}"}',
      { cause: 'request', code: 'bad-request', message: 'inner' },
    ],
    ['a redirect', 302, '', { cause: 'engine', code: 'engine-failed' }],
  ])('%s', (_, status, body, failure) => {
    expect(classify(status, body)).toMatchObject(failure);
  });

  test.each<[string, EndpointName, string, JobFailure['code']]>([
    [
      'a text too long to embed',
      'openai.embeddings',
      '{"error":{"code":500,"message":"input (5004 tokens) is too large to process. increase the physical batch size (current batch size: 512)","type":"server_error"}}',
      'context-length-exceeded',
    ],
    [
      'a format of reasoning',
      'openai.chat',
      '{"error":{"code":500,"message":"Unknown reasoning format: nope","type":"server_error"}}',
      'bad-request',
    ],
    [
      'tokens of no text',
      'ollama.generate',
      '{"error":"detokenize error: {\\"error\\":{\\"code\\":500,\\"message\\":\\"vector::_M_range_check\\",\\"type\\":\\"server_error\\"}}"}',
      'bad-request',
    ],
    [
      'an endless number',
      'ollama.generate',
      '{"error":"failed to marshal completion request: json: unsupported value: +Inf"}',
      'bad-request',
    ],
  ])('a 500 for %s is the fault of the request', (_, endpoint, body, code) => {
    const failure = classify(500, body, {}, endpoint);
    expect(failure).toMatchObject({ cause: 'request', code });
    expect(failure).not.toHaveProperty('engineStatus');
  });

  test.each([
    'detokenize error: Post \\"http://127.0.0.1:1/detokenize\\": connection refused',
    'llama-server process has terminated: exit status 1',
  ])('a runner that is not there is the engine’s fault: %s', (text) => {
    expect(classify(500, `{"error":"${text}"}`, {}, 'ollama.generate')).toMatchObject({ cause: 'engine' });
  });

  test('Ollama cancelled a request', () => {
    expect(classify(499, '{"error":"request canceled"}', {}, 'ollama.chat')).toMatchObject({
      cause: 'request',
      code: 'client-gone',
    });
  });

  test('the key is not quoted, the operator can read it', () => {
    const failure = classify(401, 'Incorrect API key sk-1');
    expect(failure.message).not.toContain('sk-1');
    expect(failure.engineBody).toContain('sk-1');
    expect(failure).not.toHaveProperty('engineStatus');
  });

  test.each<[Record<string, string | string[]>, number | undefined]>([
    [{ 'retry-after': '2' }, 2_000],
    [{ 'retry-after': ['3', '4'] }, 3_000],
    [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
    [{ 'retry-after': 'Sat, 21 Nov 2026 10:00:30 GMT', date: 'Sat, 21 Nov 2026 10:00:00 GMT' }, 30_000],
    [{ 'retry-after': 'Sat, 21 Nov 2026 09:00:00 GMT', date: 'Sat, 21 Nov 2026 10:00:00 GMT' }, 0],
    [{ 'retry-after': '999999' }, 600_000],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('%j', (headers, retryAfterMs) => {
    expect(classify(429, '', headers)).toMatchObject({ cause: 'rate-limited', code: 'rate-limited' });
    expect(classify(429, '', headers).retryAfterMs).toBe(retryAfterMs);
  });

  test('a 503 that names a time is no fault', () => {
    expect(classify(503, '', { 'retry-after': '1' })).toMatchObject({ cause: 'rate-limited', code: 'overloaded' });
    expect(classify(503, '')).toMatchObject({ cause: 'engine', code: 'engine-failed' });
  });
});

test('an error inside a stream becomes the failure it is', () => {
  const read = (text: string): JobFailure => {
    try {
      dialects.openai.createEventReader('openai.chat', { stream: true }).push(Buffer.from(`data: ${text}\n\n`));
    } catch (error) {
      if (error instanceof ClusterError) return toJobFailure(error);
    }
    throw new Error('no failure');
  };
  expect(read('{"error":{"message":"died","code":500}}')).toMatchObject({
    cause: 'engine',
    code: 'engine-failed',
    message: 'died',
  });
  expect(read('{"error":{"message":"maximum context length","code":400}}')).toMatchObject({
    cause: 'request',
    code: 'context-length-exceeded',
    engineStatus: 400,
  });
  expect(read('{"error":{"message":"slow down","code":429}}')).toMatchObject({ cause: 'rate-limited' });
  expect(read('oops')).toMatchObject({ cause: 'engine', code: 'engine-failed' });
});

test('an Ollama that nobody signed in refuses a model of its cloud, and no other', () => {
  const body = '{"error":"unauthorized","signin_url":"https://ollama.example/connect"}';
  const failure = dialects.ollama.classifyError(401, {}, body, 'ollama.chat');
  expect(failure).toMatchObject({ cause: 'forbidden', message: 'unauthorized', engineStatus: 401, engineBody: body });
  const other = dialects.ollama.classifyError(401, {}, '{"error":"unauthorized"}', 'ollama.chat');
  expect(other).toMatchObject({ cause: 'auth' });
});
