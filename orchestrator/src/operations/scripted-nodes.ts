import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { EngineReport, NodeReport } from '@waggle/shared/cluster/node.ts';
import type { OperationFrame, OperationRequest } from '@waggle/shared/cluster/operation.ts';
import type { LaneLink } from '@waggle/shared/lane-link/lane-link.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { NodeRegistry } from '../cluster/node-registry.ts';

export type Script = (
  request: OperationRequest,
  signal: AbortSignal,
  content: AsyncIterable<Uint8Array>,
) => AsyncIterable<OperationFrame>;

/** A node for tests that records what it is asked and answers by its script. */
export class ScriptedLink implements LaneLink {
  readonly identity;
  readonly epoch = 1;
  readonly address = 'in-process';
  readonly requests: OperationRequest[] = [];
  readonly #script: Script;

  constructor(name: string, script: Script) {
    this.identity = { nodeId: `id-${name}`, bootId: 'boot', name, machineId: `machine-${name}`, version: '0.0.0' };
    this.#script = script;
  }

  operate(
    request: OperationRequest,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncIterable<OperationFrame> {
    this.requests.push(request);
    return this.#script(request, signal, content);
  }

  async load(): Promise<void> {}
  async unload(): Promise<void> {}
  close(): void {}
}

/** A script that answers every operation alike; with lines, where the answer has any. */
export function answering(status: number, ...chunks: readonly string[]): Script {
  const isLines = chunks.some((chunk) => chunk.includes('\n'));
  return async function* () {
    yield { type: 'head', status, contentType: isLines ? 'application/x-ndjson' : 'application/json; charset=utf-8' };
    for (const chunk of chunks) yield { type: 'chunk', bytes: Buffer.from(chunk) };
    yield { type: 'end' };
  };
}

/** A script whose engine cannot be asked. */
export const unreachable: Script = async function* () {
  yield { type: 'end', failure: { cause: 'unreachable', code: 'engine-unreachable', message: 'connection refused' } };
};

export interface ScriptedNode {
  readonly name: string;
  readonly models?: readonly (Partial<ModelReport> & { readonly name: string })[];
  readonly engine?: Partial<EngineReport>;
  readonly script?: Script;
  readonly memoryAvailableBytes?: number;
  readonly vramBytes?: number;
}

/** A registry with these nodes in it, and their links by name. */
export function scriptedCluster(nodes: readonly ScriptedNode[]): {
  readonly registry: NodeRegistry;
  readonly links: Record<string, ScriptedLink>;
} {
  const registry = new NodeRegistry({ clock: systemClock, logger: silentLogger });
  const links: Record<string, ScriptedLink> = {};
  for (const node of nodes) {
    const link = new ScriptedLink(node.name, node.script ?? answering(200));
    links[node.name] = link;
    registry.joined(link, toReport(node));
  }
  return { registry, links };
}

function toReport({ name, models = [], engine, memoryAvailableBytes = 8e9, vramBytes = 0 }: ScriptedNode): NodeReport {
  return {
    sequence: 1,
    hardware: {
      platform: 'linux',
      arch: 'x64',
      cpu: 'cpu',
      cpuCores: 4,
      memoryBytes: 16e9,
      gpus: vramBytes > 0 ? [{ name: 'gpu', vendor: 'vendor', vramBytes }] : [],
    },
    engines: [
      {
        engineId: `engine-${name}`,
        kind: 'ollama',
        dialect: 'ollama',
        url: 'http://127.0.0.1:11434',
        version: '0.34.2',
        health: 'up',
        slots: 1,
        models: models.map((model) => ({ digest: '', sizeBytes: 1_000, state: 'cold', parallel: 1, ...model })),
        ...engine,
      },
    ],
    memoryAvailableBytes,
    draining: false,
    waitingJobs: 0,
    labels: {},
  };
}
