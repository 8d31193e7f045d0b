import type { z } from 'zod';
import type { ResponseCache } from '../../caching/response-cache.ts';
import { jsonResponse } from '../json-response.ts';
import type { Route } from '../route.ts';
import type { cacheStatsSchema } from './cache.schema.ts';

/** How the response cache does. */
export function cacheRoutes(cache: Pick<ResponseCache, 'stats'>): readonly Route[] {
  const handler = () => jsonResponse(cache.stats() satisfies z.infer<typeof cacheStatsSchema>);
  return [{ method: 'GET', path: '/api/performance/cache/stats', head: true, handler }];
}
