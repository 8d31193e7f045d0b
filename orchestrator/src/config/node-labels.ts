import type { NodeLabels } from './compiled-config.ts';

/** The labels of a configured node as they are shown. */
export function toLabels({ type, platform, capabilities }: NodeLabels): Record<string, string> {
  return {
    ...(type === undefined ? {} : { type }),
    ...(platform === undefined ? {} : { platform }),
    ...(capabilities.length === 0 ? {} : { capabilities: capabilities.join(',') }),
  };
}
