import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { LoadPlan } from './memory/plan-load.ts';
import type { StoredModel } from './models/model-store.ts';
import { type ModelFacts, toParameterSize } from './process/model-facts.ts';
import type { Resident } from './residents.ts';

export interface ListFacts {
  /** Undefined: the file was not looked at yet. */
  readonly factsOf: (model: StoredModel) => ModelFacts | undefined;
  readonly residentOf: (path: string) => Resident | undefined;
  readonly planOf: (model: StoredModel, facts: ModelFacts) => LoadPlan;
}

/** Ollama's word for "stays". */
const never = '2318-12-31T23:59:59Z';

export function toModelReport(model: StoredModel, list: ListFacts): ModelReport {
  const facts = list.factsOf(model);
  const resident = list.residentOf(model.path);
  const plan = resident?.plan ?? (facts && list.planOf(model, facts));
  const isHot = resident?.state === 'hot';
  const architecture = facts?.architecture ?? model.header.architecture;
  const parameterSize = toParameterSize(facts?.parameters ?? model.header.parameterCount);
  const details = {
    parent_model: '',
    format: 'gguf',
    family: architecture,
    families: [architecture],
    parameter_size: parameterSize,
    quantization_level: facts?.quantization ?? 'unknown',
  };
  const named = { name: model.name, model: model.name };
  const tag = {
    ...named,
    modified_at: model.modifiedAt,
    size: model.sizeBytes,
    digest: model.digest,
    details: {
      ...details,
      ...(facts === undefined ? {} : { context_length: facts.contextLength, embedding_length: facts.embeddingLength }),
    },
    ...(facts === undefined ? {} : { capabilities: facts.capabilities }),
    ...(model.scripted === true ? { scripted: true } : {}),
  };
  const loaded = isHot ? resident.process?.loaded : undefined;
  const size = loaded === undefined ? 0 : loaded.ramBytes + loaded.vramBytes;
  const expiresAt = resident?.expiresAt === undefined ? undefined : new Date(resident.expiresAt).toISOString();
  return {
    name: model.name,
    digest: model.digest,
    sizeBytes: model.sizeBytes,
    state: isHot ? 'hot' : resident?.state === 'loading' ? 'loading' : 'cold',
    parallel: plan?.slots ?? 1,
    ...(plan === undefined ? {} : { numCtx: plan.numCtx }),
    ...(facts === undefined ? {} : { capabilities: facts.capabilities }),
    ...(facts === undefined || facts.contextLength === 0 ? {} : { contextLength: facts.contextLength }),
    modifiedAt: model.modifiedAt,
    family: architecture,
    parameterSize,
    ...(facts === undefined ? {} : { quantization: facts.quantization }),
    ...(loaded === undefined
      ? {}
      : {
          resident: {
            sizeBytes: size,
            vramBytes: loaded.vramBytes,
            ...(expiresAt === undefined ? {} : { expiresAt }),
          },
        }),
    tagJson: JSON.stringify(tag),
    ...(loaded === undefined || resident?.name !== model.name
      ? {}
      : {
          psJson: JSON.stringify({
            ...named,
            size,
            digest: model.digest,
            details,
            expires_at: expiresAt ?? never,
            size_vram: loaded.vramBytes,
            context_length: loaded.numCtx,
          }),
        }),
    ...(model.scripted === true ? { scripted: true } : {}),
  };
}
