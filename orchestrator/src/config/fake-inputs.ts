// A process that never was, for tests.
import type { CompiledConfig } from './compiled-config.ts';
import { ConfigError } from './config-error.ts';
import type { ConfigInputs } from './load.ts';
import { readConfig } from './read-config.ts';

export interface FakeProcess {
  /** Text of `config.yaml` in the working folder; undefined: there is none. */
  readonly file?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly argv?: readonly string[];
}

export function fakeInputs({ file, environment = {}, argv = [] }: FakeProcess = {}): ConfigInputs {
  return {
    argv,
    environment,
    workingFolder: '/somewhere',
    homeFolder: '/home/somebody',
    hostName: 'this-machine',
    platform: 'linux',
    readText: (path) => (path === '/somewhere/config.yaml' ? file : undefined),
  };
}

export function compileFake(fake: FakeProcess = {}): CompiledConfig {
  const outcome = readConfig(fakeInputs(fake));
  if (outcome.kind !== 'run') throw new Error(`asked for ${outcome.kind}`);
  return outcome.config;
}

/** The messages a configuration is refused with, in order; empty when it is accepted. */
export function refusalsOf(fake: FakeProcess): string[] {
  try {
    compileFake(fake);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [error, ...error.also].map(({ message }) => message);
  }
  return [];
}
