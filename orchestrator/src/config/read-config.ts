import { compileConfig } from './compile.ts';
import type { CompiledConfig } from './compiled-config.ts';
import { ConfigError } from './config-error.ts';
import { helpText, parseFlags } from './flags.ts';
import { type ConfigInputs, loadConfig } from './load.ts';

export type ConfigOutcome =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly config: CompiledConfig };

/**
 * Flags, environment and file → the configuration to run with, or what was asked for instead.
 *
 * @throws ConfigError, and nothing else, when something in them is wrong
 */
export function readConfig(inputs: ConfigInputs): ConfigOutcome {
  const flags = parseFlags(inputs.argv);
  switch (flags.kind) {
    case 'help':
      return { kind: 'help', text: helpText() };
    case 'version':
      return { kind: 'version' };
    case 'refused':
      throw new ConfigError(flags.problem);
    case 'run':
      return { kind: 'run', config: compileConfig(loadConfig(inputs, flags)) };
  }
}
