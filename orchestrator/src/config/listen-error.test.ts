import { expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { compileFake, type FakeProcess } from './fake-inputs.ts';
import { grpcKeys, httpKeys, toListenError } from './listen-error.ts';

function messageOf(code: string, keys = httpKeys, fake: FakeProcess = {}): string {
  const { sources } = compileFake(fake);
  const error = toListenError(Object.assign(new Error(code), { code }), { host: '::1', port: 80 }, { keys, sources });
  if (!(error instanceof ConfigError)) throw error;
  return error.message;
}

test('a port that is taken is told with the place it was set at', () => {
  const words = '[::1]:80 is taken by another program: choose another server.port (--port), or stop that program.';
  const file = 'server:\n  host: ::1\n  port: 80';
  expect(messageOf('EADDRINUSE', httpKeys, { file })).toBe(`config.yaml:3: ${words}`);
  const environment = { WAGGLE_SERVER_PORT: '80' };
  expect(messageOf('EADDRINUSE', httpKeys, { file, environment })).toBe(`WAGGLE_SERVER_PORT: ${words}`);
  expect(messageOf('EADDRINUSE', httpKeys, { file, argv: ['--port', '80'] })).toBe(`--port: ${words}`);
  // Nobody set it: there is no place to name.
  expect(messageOf('EADDRINUSE')).toBe(words);
  expect(messageOf('EADDRINUSE', grpcKeys, { file: 'cluster: { grpcPort: 80 }' })).toMatch(
    /^config\.yaml:1: .+ cluster\.grpcPort \(--grpc-port\)/,
  );
});

test('a port above the user, and an address of elsewhere', () => {
  expect(messageOf('EACCES')).toBe('this user may not open [::1]:80: choose a server.port (--port) above 1023.');
  expect(messageOf('EADDRNOTAVAIL', grpcKeys, { file: '\ncluster: { host: "::1" }' })).toBe(
    'config.yaml:2: ::1 is no address of this machine: correct cluster.host.',
  );
});

test('what is not about the address is not put into words', () => {
  const error = new Error('EMFILE');
  expect(toListenError(error, { host: '::1', port: 80 }, { keys: httpKeys, sources: compileFake().sources })).toBe(
    error,
  );
});
