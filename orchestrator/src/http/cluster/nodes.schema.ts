import { modelStates } from '@waggle/shared/cluster/model.ts';
import { z } from 'zod';
import { expectedStates } from '../../cluster/expected-nodes.ts';
import { nodeStates } from '../../cluster/views.ts';

const engineSchema = z.strictObject({
  engineId: z.string(),
  kind: z.string(),
  url: z.string(),
  version: z.string(),
  health: z.enum(['unknown', 'up', 'down']),
  problem: z.string().optional().describe('Why it is not up, or what its operator should mend.'),
  usedThrough: z
    .string()
    .optional()
    .describe('The node that uses this very engine instead: it is seen by both, and counted once.'),
  slots: z.int().describe('Most jobs at once.'),
  lanes: z.strictObject({ idle: z.int(), bound: z.int(), draining: z.int() }),
  foreignJobs: z.int().optional().describe('Requests it runs that did not come through Waggle.'),
  models: z.int(),
});

export const nodeSchema = z.strictObject({
  name: z.string(),
  nodeId: z.string(),
  state: z.enum(nodeStates),
  address: z.string().describe('in-process, or where its agent came from.'),
  version: z.string(),
  joinedAt: z.string(),
  rttMs: z.number(),
  hardware: z
    .strictObject({
      platform: z.string(),
      arch: z.string(),
      cpu: z.string(),
      cpuCores: z.int(),
      memoryBytes: z.int(),
      gpus: z.array(z.strictObject({ name: z.string(), vendor: z.string(), vramBytes: z.int() })),
    })
    .optional()
    .describe('Absent: unknown, for no agent runs beside the engine.'),
  memoryAvailableBytes: z.int().optional().describe('Absent: unknown.'),
  waitingJobs: z.int().describe('Jobs that wait inside its agent; 0 as long as all is well.'),
  labels: z.record(z.string(), z.string()),
  engines: z.array(engineSchema),
});

const expectedNodeSchema = z.strictObject({
  name: z.string(),
  address: z.string().describe('HOST:PORT of its agent.'),
  state: z.enum(expectedStates),
  notice: z.string().optional().describe('What its operator should mend.'),
});

export const nodesSchema = z.strictObject({
  nodes: z.array(nodeSchema),
  expected: z.array(expectedNodeSchema).describe('Agents the configuration names, whether they are there or not.'),
});

export const nodeModelsSchema = z.strictObject({
  node: z.string(),
  models: z.array(
    z.strictObject({
      name: z.string(),
      engineId: z.string(),
      state: z.enum(modelStates),
      digest: z.string(),
      sizeBytes: z.int(),
      capabilities: z.array(z.string()).optional(),
      contextLength: z.int().optional(),
      numCtx: z.int().optional(),
      parallel: z.int(),
      modifiedAt: z.string().optional(),
      family: z.string().optional(),
      parameterSize: z.string().optional(),
      quantization: z.string().optional(),
      resident: z.strictObject({ sizeBytes: z.int(), vramBytes: z.int(), expiresAt: z.string().optional() }).optional(),
    }),
  ),
});
