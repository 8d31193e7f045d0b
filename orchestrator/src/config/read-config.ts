import { compareConfigs, withLive } from './compare-configs.ts';
import { compileConfig, compileSettings } from './compile.ts';
import type { CompiledConfig } from './compiled-config.ts';
import { ConfigError } from './config-error.ts';
import { type ConfigReport, describeConfig, describeRefusal, showReport } from './describe-config.ts';
import { helpText, parseFlags } from './flags.ts';
import { type ConfigInputs, loadConfig } from './load.ts';

export type ConfigOutcome =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  /** What was found out about the configuration, as text. */
  | { readonly kind: 'check'; readonly text: string; readonly isValid: boolean }
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
    case 'check': {
      const report = checkConfig(inputs, flags);
      const text = flags.asJson ? `${JSON.stringify(report)}\n` : showReport(report);
      return { kind: 'check', text, isValid: report.valid };
    }
    case 'run':
      return { kind: 'run', config: compileConfig(loadConfig(inputs, flags)) };
  }
}

function checkConfig(inputs: ConfigInputs, flags: Parameters<typeof loadConfig>[1]): ConfigReport {
  try {
    return describeConfig(compileConfig(loadConfig(inputs, flags)));
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    return describeRefusal(thrown);
  }
}

/** What a running program makes of the configuration as it is now. */
export interface RereadConfig {
  /** With the values of the start where they cannot change. */
  readonly config: CompiledConfig;
  /** Keys that differ from those of the start and count after a restart. */
  readonly restart: readonly string[];
}

/** @throws ConfigError as a start would */
export function rereadConfig(inputs: ConfigInputs, started: CompiledConfig): RereadConfig {
  const flags = parseFlags(inputs.argv);
  if (flags.kind !== 'run') throw new Error(`a program that runs was not started for its ${flags.kind}`);
  const loaded = loadConfig(inputs, flags);
  const { settings } = compileConfig(loaded);
  return {
    config: compileSettings(withLive(started.settings, settings), loaded),
    restart: compareConfigs(started.settings, settings).restart,
  };
}
