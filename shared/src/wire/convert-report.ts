import { type Capability, capabilities, type ModelReport, modelStates, type ResidentModel } from '../cluster/model.ts';
import {
  type EngineHealth,
  type EngineKind,
  type EngineReport,
  type Hardware,
  type NodeIdentity,
  type NodeReport,
  unknownHardware,
} from '../cluster/node.ts';
import { toCount, toOptionalCount } from './counts.ts';
import * as wire from './generated/waggle/v1/node.ts';

const engineKinds: readonly EngineKind[] = [
  'ollama',
  'vllm',
  'llama-server',
  'lm-studio',
  'openai-compatible',
  'builtin',
];
const engineHealths: readonly EngineHealth[] = ['unknown', 'up', 'down'];

export function encodeReport(report: NodeReport): Uint8Array {
  return wire.NodeReport.encode(toWireReport(report)).finish();
}

export function decodeReport(bytes: Uint8Array): NodeReport {
  return fromWireReport(wire.NodeReport.decode(bytes));
}

export function toWireReport({ engines, labels, hardware, ...facts }: NodeReport): wire.NodeReport {
  return {
    sequence: toCount(facts.sequence),
    hardware: toWireHardware(hardware),
    engines: engines.map(toWireEngine),
    memoryAvailableBytes: toCount(facts.memoryAvailableBytes),
    draining: facts.draining,
    waitingJobs: toCount(facts.waitingJobs),
    labels: { ...labels },
  };
}

function toWireHardware({ platform, arch, cpu, cpuCores, memoryBytes, gpus }: Hardware): wire.Hardware {
  return {
    platform,
    arch,
    cpu,
    cpuCores: toCount(cpuCores),
    memoryBytes: toCount(memoryBytes),
    gpus: gpus.map(({ name, vendor, vramBytes }) => ({ name, vendor, vramBytes: toCount(vramBytes) })),
  };
}

export function fromWireReport({ engines, hardware, ...facts }: wire.NodeReport): NodeReport {
  return { ...facts, hardware: hardware ?? unknownHardware, engines: engines.map(fromWireEngine) };
}

export function toWireIdentity(identity: NodeIdentity): wire.NodeIdentity {
  const { nodeId, bootId, name, machineId, version } = identity;
  return { nodeId, bootId, name, machineId, version };
}

function toWireEngine({ models, problem, foreignJobs, slots, ...engine }: EngineReport): wire.EngineReport {
  return {
    ...engine,
    slots: toCount(slots),
    problem,
    foreignJobs: toOptionalCount(foreignJobs),
    models: models.map(toWireModel),
  };
}

function fromWireEngine({
  kind,
  dialect,
  health,
  problem,
  foreignJobs,
  models,
  ...engine
}: wire.EngineReport): EngineReport {
  return {
    ...engine,
    kind: engineKinds.find((known) => known === kind) ?? 'openai-compatible',
    dialect: dialect === 'ollama' ? 'ollama' : 'openai',
    health: engineHealths.find((known) => known === health) ?? 'unknown',
    models: models.map(fromWireModel),
    ...(problem === undefined ? {} : { problem }),
    ...(foreignJobs === undefined ? {} : { foreignJobs }),
  };
}

function toWireModel(model: ModelReport): wire.ModelReport {
  const { capabilities: names, resident } = model;
  return {
    name: model.name,
    digest: model.digest,
    sizeBytes: toCount(model.sizeBytes),
    state: model.state,
    capabilities: names === undefined ? undefined : { names: [...names] },
    contextLength: toOptionalCount(model.contextLength),
    numCtx: toOptionalCount(model.numCtx),
    parallel: toCount(model.parallel),
    modifiedAt: model.modifiedAt,
    family: model.family,
    parameterSize: model.parameterSize,
    quantization: model.quantization,
    resident: resident === undefined ? undefined : toWireResident(resident),
    tagJson: model.tagJson,
    psJson: model.psJson,
    scripted: model.scripted === true,
  };
}

function fromWireModel({
  name,
  digest,
  sizeBytes,
  state,
  capabilities: names,
  parallel,
  resident,
  scripted,
  ...rest
}: wire.ModelReport): ModelReport {
  return {
    name,
    digest,
    sizeBytes,
    state: modelStates.find((known) => known === state) ?? 'cold',
    parallel,
    ...withoutUndefined(rest),
    ...(names === undefined ? {} : { capabilities: names.names.filter(isCapability) }),
    ...(resident === undefined ? {} : { resident: fromWireResident(resident) }),
    ...(scripted ? { scripted } : {}),
  };
}

function toWireResident({ sizeBytes, vramBytes, expiresAt }: ResidentModel): wire.ResidentModel {
  return { sizeBytes: toCount(sizeBytes), vramBytes: toCount(vramBytes), expiresAt };
}

function fromWireResident({ sizeBytes, vramBytes, expiresAt }: wire.ResidentModel): ResidentModel {
  return { sizeBytes, vramBytes, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

function isCapability(name: string): name is Capability {
  return capabilities.some((known) => known === name);
}

type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** What was not said is absent on both ends. */
function withoutUndefined<T extends object>(facts: T): Defined<T> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Defined<T>;
}
