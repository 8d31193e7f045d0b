import { z } from 'zod';

export const cacheStatsSchema = z.strictObject({
  maxBytes: z.int().describe('Bound of the kept answers; 0: the cache is off.'),
  ttlMs: z.number().describe('Milliseconds an answer is kept.'),
  entries: z.int(),
  bytes: z.int().describe('Bytes the kept answers take, about.'),
  hits: z.int().describe('Requests answered from the cache since the start.'),
  misses: z.int().describe('Requests that might have been, and were answered anew.'),
  coalesced: z.int().describe('Requests that got the answer being made for another one.'),
  stored: z.int().describe('Answers that were kept.'),
  evicted: z.int().describe('Answers thrown out for want of room.'),
  hitRate: z.number().describe('Share of hits and coalesced ones, 0 to 1.'),
});
