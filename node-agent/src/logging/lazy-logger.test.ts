import type { Logger } from '@waggle/shared/observing/logger.ts';
import { expect, test } from 'vitest';
import { createLazyLogger } from './lazy-logger.ts';

function collect(): { readonly lines: string[]; readonly logger: Logger } {
  const lines: string[] = [];
  const at = (level: string) => (event: string) => void lines.push(`${level} ${event}`);
  return { lines, logger: { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') } };
}

test('loads with the first line that counts, and keeps their order', async () => {
  const { lines, logger } = collect();
  let loads = 0;
  const loaded = Promise.withResolvers<Logger>();
  const lazy = createLazyLogger('info', () => {
    loads++;
    return loaded.promise;
  });
  lazy.debug('below');
  expect(loads).toBe(0);
  lazy.info('one');
  lazy.error('two');
  loaded.resolve(logger);
  await loaded.promise;
  lazy.warn('three');
  expect(lines).toEqual(['info one', 'error two', 'warn three']);
  expect(loads).toBe(1);
});
