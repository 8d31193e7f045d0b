import { expect, test } from 'vitest';
import { compileFake, refusalsOf } from './fake-inputs.ts';
import { helpText, parseFlags } from './flags.ts';

test('every flag sets its key', () => {
  const argv = ['--port', '4000', '--host=0.0.0.0', '--grpc-port', '4001', '--lan', '--data', 'here', '--no-local'];
  const config = compileFake({ argv: [...argv, '--log-level', 'debug'] });
  expect(config.server).toMatchObject({ port: 4000, host: '0.0.0.0' });
  expect(config.cluster).toMatchObject({ host: '0.0.0.0', grpcPort: 4001, needsMadeToken: true });
  expect(config.data).toEqual({ folder: '/somewhere/here', source: '--data' });
  expect(config.local.enabled).toBe(false);
  expect(config.logging.level).toBe('debug');
});

test('of a repeated flag the last one counts', () => {
  expect(compileFake({ argv: ['--port', '1', '--port', '2'] }).server.port).toBe(2);
});

test.each([
  [['--help'], 'help'],
  [['-h'], 'help'],
  [['--port', '1', '--version'], 'version'],
  [['-v'], 'version'],
])('%j asks for %s', (argv, kind) => {
  expect(parseFlags(argv)).toEqual({ kind });
});

test.each([
  [['--prot', '1'], '--prot: there is no such flag; did you mean --port?'],
  [['--grpcPort', '1'], '--grpcPort: there is no such flag; did you mean --grpc-port?'],
  [['--frobnicate'], '--frobnicate: there is no such flag; --help lists all flags.'],
  [['-x'], '-x: there is no such flag; --help lists all flags.'],
  [['serve'], '"serve": is not a flag; --help lists all flags.'],
  [['--port'], '--port: needs a value: --port PORT.'],
  [['--port', '--lan'], '--port: needs a value: --port PORT.'],
  [['--data='], '--data: needs a value: --data DIR.'],
  [['--lan=yes'], '--lan: takes no value.'],
  [['--port', 'abc'], '--port: server.port must be a whole number from 0 to 65535, not "abc".'],
  [['--log-level', 'loud'], '--log-level: logging.level must be one of error, warn, info, debug, not "loud".'],
  [['--config', 'none.yaml'], '--config: there is no file /somewhere/none.yaml.'],
])('%j is refused in one sentence', (argv, message) => {
  expect(refusalsOf({ argv })).toEqual([message]);
});

test('the help text names every flag in aligned columns', () => {
  const lines = helpText().split('\n');
  const flags = lines.filter((line) => /^ {2}(-\w,| {3}) --/.test(line));
  expect(flags).toHaveLength(12);
  // A column is where the explanation begins: behind at least two blanks after the flag and its value.
  expect(new Set(flags.map((line) => /--\S+(?: [A-Z]+)? {2,}/.exec(line)?.[0].length)).size).toBe(1);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120);
});
