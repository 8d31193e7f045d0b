import { type EndpointName, endpoints } from '@waggle/shared/chat/endpoints.ts';
import { priorities } from '@waggle/shared/cluster/job.ts';
import { z } from 'zod';
import { cacheOutcomes, requestStates, translatedApis } from '../../inference/request-record.ts';

const costTermsSchema = z
  .strictObject({
    rtt: z.number(),
    load: z.number(),
    wait: z.number(),
    prefill: z.number(),
    decode: z.number(),
    risk: z.number(),
    total: z.number(),
  })
  .describe('Expected milliseconds; total is their sum.');

const candidateSchema = z.strictObject({
  node: z.string(),
  engineId: z.string(),
  model: z.string(),
  excluded: z.string().optional().describe('Why it was out; absent: it could have been chosen.'),
  bindable: z.boolean().describe('A slot was free and the model hot.'),
  prior: z.boolean().describe('Its rates were guesses from the hardware.'),
  terms: costTermsSchema.optional(),
});

const decisionSchema = z.strictObject({
  reason: z.string(),
  chosen: z.int().describe('Index into candidates; -1: none.'),
  candidates: z
    .array(candidateSchema)
    .describe('Every place that has the model; of more than 32 the chosen one and the cheapest others.'),
  candidatesTotal: z.int().optional().describe('Set where candidates are not all of them.'),
  excludedTotals: z
    .record(z.string(), z.int())
    .optional()
    .describe('Of all of them, how many were out, by reason; set as candidatesTotal is.'),
  heldMs: z.number(),
});

const attemptSchema = z.strictObject({
  node: z.string(),
  engineId: z.string(),
  model: z.string().describe("The engine's name of the model."),
  decision: decisionSchema,
  boundMs: z.number(),
  outcome: z.enum(['done', 'failed', 'cancelled', 'declined', 'lost']).optional(),
  reason: z.string().optional(),
  endedMs: z.number().optional(),
});

const endpointNames = [...(Object.keys(endpoints) as EndpointName[]), ...translatedApis];

/** Times are milliseconds since `receivedAt`. */
export const requestSchema = z.strictObject({
  requestId: z.string(),
  endpoint: z.enum(endpointNames).describe('What the client spoke.'),
  model: z.string().describe('As the client wrote it.'),
  stream: z.boolean(),
  priority: z.enum(priorities),
  client: z.strictObject({ address: z.string(), userAgent: z.string() }),
  receivedAt: z.string(),
  state: z.enum(requestStates),
  node: z.string().optional(),
  attempts: z.array(attemptSchema),
  cache: z.enum(cacheOutcomes).optional().describe('Set where the request asked the cache.'),
  firstEventMs: z.number().optional(),
  endedMs: z.number().optional(),
  usage: z
    .strictObject({ promptTokens: z.int(), completionTokens: z.int(), cachedTokens: z.int().optional() })
    .optional(),
  prefillRate: z.number().optional().describe('Tokens per second.'),
  decodeRate: z.number().optional().describe('Tokens per second.'),
  error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
});

export const requestsSchema = z.strictObject({ requests: z.array(requestSchema).describe('Newest first.') });

const limitWords = 'must be a whole number from 1 to 1000';

export const requestFilterSchema = z.strictObject({
  state: z.enum(requestStates, `must be one of ${requestStates.join(', ')}`).optional(),
  model: z.string().optional(),
  node: z.string().optional(),
  limit: z.coerce.number(limitWords).int(limitWords).min(1, limitWords).max(1_000, limitWords).default(100),
});
