import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { EngineReport, Hardware, NodeReport } from '@waggle/shared/cluster/node.ts';

/** Reports with everything a test does not care about filled in. */

export function toModelReport(facts: Partial<ModelReport> = {}): ModelReport {
  return { name: 'llama3.2:latest', digest: 'sha256:1', sizeBytes: 2e9, state: 'hot', parallel: 1, ...facts };
}

export function toEngineReport(facts: Partial<EngineReport> = {}): EngineReport {
  return {
    engineId: 'ollama',
    kind: 'ollama',
    dialect: 'ollama',
    url: 'http://127.0.0.1:11434',
    version: '0.34.2',
    health: 'up',
    slots: 1,
    models: [toModelReport()],
    ...facts,
  };
}

const plainMachine: Hardware = {
  platform: 'linux',
  arch: 'x64',
  cpu: 'test',
  cpuCores: 8,
  memoryBytes: 32e9,
  gpus: [],
};

export function toHardware(facts: Partial<Hardware> = {}): Hardware {
  return { ...plainMachine, ...facts };
}

export function toNodeReport(facts: Partial<NodeReport> = {}): NodeReport {
  return {
    sequence: 1,
    hardware: plainMachine,
    engines: [toEngineReport()],
    memoryAvailableBytes: 16e9,
    draining: false,
    waitingJobs: 0,
    labels: {},
    ...facts,
  };
}
