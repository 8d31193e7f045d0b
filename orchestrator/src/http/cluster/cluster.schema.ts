import { modelStates } from '@waggle/shared/cluster/model.ts';
import { z } from 'zod';
import { nodeStates } from '../../cluster/views.ts';

export const healthSchema = z.strictObject({ status: z.literal('ok') });

export const readinessSchema = z.strictObject({
  status: z.enum(['ready', 'no-node', 'draining']).describe('no-node: nothing could take a request now.'),
  usableNodes: z.int().describe('Nodes that take requests and have an engine that is up.'),
});

const laneCountsSchema = z.strictObject({
  idle: z.int().describe('Free slots.'),
  bound: z.int().describe('Slots with a running job.'),
  draining: z.int().describe('Slots whose job was cancelled and whose engine has not stopped yet.'),
});

const queueSchema = z.strictObject({
  heldJobs: z.int().describe('Requests that wait for a slot.'),
  heldBytes: z.int().describe('Bytes of their bodies.'),
  runningJobs: z.int(),
});

export const statusSchema = z.strictObject({
  clusterId: z.string(),
  version: z.string().describe('Version of Waggle.'),
  startedAt: z.string(),
  uptimeSeconds: z.int(),
  draining: z.boolean(),
  nodes: z.record(z.enum(nodeStates), z.int()).describe('Nodes by state.'),
  models: z.record(z.enum(modelStates), z.int()).describe('Models by their best state on any node.'),
  lanes: laneCountsSchema,
  queue: queueSchema,
});

const placeSchema = z.strictObject({
  node: z.string(),
  engineId: z.string(),
  engineKind: z.string(),
  state: z.enum(modelStates),
  digest: z.string().describe("The engine's own; empty where it has none."),
  sizeBytes: z.int(),
  contextLength: z.int().optional().describe('Tokens the model was trained for.'),
  numCtx: z.int().optional().describe('Tokens of the resident instance.'),
  scripted: z.literal(true).optional().describe('It says fixed texts, as long as there is no model.'),
  parallel: z.int().describe('Requests the engine takes for it at once.'),
});

export const modelsSchema = z.strictObject({
  models: z.array(
    z.strictObject({
      name: z.string(),
      capabilities: z.array(z.string()).optional().describe('Absent: no engine tells.'),
      state: z.enum(modelStates).describe('The best on any node.'),
      places: z.array(placeSchema),
    }),
  ),
  aliases: z.record(z.string(), z.array(z.string())).describe('Alias to the models it stands for, in order.'),
});

const rateSchema = z.strictObject({
  node: z.string(),
  engineId: z.string(),
  model: z.string(),
  running: z.int(),
  samples: z.int().describe('Answers the rates were learned from; 0: they are guesses from the hardware.'),
  prefillTokensPerSecond: z.number(),
  decodeTokensPerSecond: z.number().describe('Of one answer running alone.'),
  loadMs: z.number().describe('Expected time to load it.'),
  errorRate: z.number().describe('Share of tries that ended in a fault of the engine.'),
});

export const metricsSchema = z.strictObject({
  totals: z
    .strictObject({
      requests: z.int(),
      failed: z.int(),
      clientGone: z.int(),
      promptTokens: z.int(),
      completionTokens: z.int(),
    })
    .describe('Since the start.'),
  lastMinute: z
    .strictObject({
      requests: z.int().describe('Requests that ended.'),
      promptTokensPerSecond: z.number(),
      completionTokensPerSecond: z.number(),
    })
    .describe('The last 60 seconds, as far as the requests kept in memory reach.'),
  queue: queueSchema.extend({
    predictedDrainMs: z.number().describe('Expected time until a new request would begin.'),
  }),
  rates: z.array(rateSchema),
});
