import type { Capability, ModelReport, ModelState, ResidentModel } from '@waggle/shared/cluster/model.ts';
import { capabilities as knownCapabilities } from '@waggle/shared/cluster/model.ts';
import { type JsonObject, toCount, toNumber, toObject, toText, toTexts } from '../json-facts.ts';

/** What `/api/show` tells that the list does not; it belongs to the content, so it is asked once per digest. */
export interface ShownModel {
  readonly capabilities?: readonly Capability[];
  readonly contextLength?: number;
  /** `PARAMETER num_ctx` of the Modelfile. */
  readonly numCtx?: number;
}

export interface OllamaFacts {
  /** Entries of `/api/tags` and of `/api/ps`. */
  readonly tags: readonly JsonObject[];
  readonly resident: readonly JsonObject[];
  /** By digest. */
  readonly shown: ReadonlyMap<string, ShownModel>;
  readonly loading: ReadonlySet<string>;
  /** Names of the models that jobs of this node run on now. */
  readonly inUse: ReadonlySet<string>;
  /** The engine's wall clock, in milliseconds since 1970. */
  readonly engineTime: number;
  /** S: parallel requests of one model. */
  readonly parallel: number;
  /** Context that a model is loaded with when nobody says. */
  readonly defaultNumCtx: number;
}

/** Every model of an Ollama. One that is listed under several names is resident under all of them: they share a runner. */
export function toModelReports(facts: OllamaFacts): ModelReport[] {
  const reports: ModelReport[] = [];
  const resident = facts.resident.filter((entry) => isAlive(entry, facts));
  for (const tag of facts.tags) {
    const name = toText(tag['name']) ?? toText(tag['model']);
    if (name !== undefined) reports.push(toModelReport(name, tag, { ...facts, resident }));
  }
  return reports;
}

function toModelReport(name: string, tag: JsonObject, facts: OllamaFacts): ModelReport {
  const digest = toText(tag['digest']) ?? '';
  const details = toObject(tag['details']);
  const shown = facts.shown.get(digest);
  const own = facts.resident.find((entry) => entry['name'] === name);
  const entry = own ?? facts.resident.find((candidate) => digest !== '' && candidate['digest'] === digest);
  const state: ModelState = entry !== undefined ? 'hot' : facts.loading.has(name) ? 'loading' : 'cold';
  const capabilities = toCapabilities(tag['capabilities']) ?? shown?.capabilities;
  const contextLength = toCount(details['context_length']) ?? shown?.contextLength;
  const wanted = toCount(entry?.['context_length']) ?? shown?.numCtx ?? facts.defaultNumCtx;
  return {
    name,
    digest,
    sizeBytes: toNumber(tag['size']) ?? 0,
    state,
    parallel: facts.parallel,
    numCtx: contextLength === undefined ? wanted : Math.min(wanted, contextLength),
    capabilities,
    contextLength,
    modifiedAt: toText(tag['modified_at']),
    family: toText(details['family']),
    parameterSize: toText(details['parameter_size']),
    quantization: toText(details['quantization_level']),
    resident: entry && toResident(entry),
    tagJson: JSON.stringify(tag),
    psJson: own && JSON.stringify(own),
  };
}

/**
 * Unloading is asynchronous: for a while the list still has what has already expired. While a model answers, its time is the one
 * set before, which may be long over: it begins anew with the end of the answer.
 */
function isAlive(entry: JsonObject, { engineTime, inUse, tags }: OllamaFacts): boolean {
  const expiresAt = Date.parse(toText(entry['expires_at']) ?? '');
  if (Number.isNaN(expiresAt) || expiresAt > engineTime) return true;
  const isInUse = (tag: JsonObject) => inUse.has(toText(tag['name']) ?? '');
  return isInUse(entry) || tags.some((tag) => tag['digest'] === entry['digest'] && isInUse(tag));
}

function toResident(entry: JsonObject): ResidentModel {
  return {
    sizeBytes: toNumber(entry['size']) ?? 0,
    vramBytes: toNumber(entry['size_vram']) ?? 0,
    expiresAt: toText(entry['expires_at']),
  };
}

/** Facts of a `/api/show` answer. */
export function toShownModel(show: JsonObject): ShownModel {
  const capabilities = toCapabilities(show['capabilities']);
  const info = toObject(show['model_info']);
  const lengthKey = Object.keys(info).find((key) => key.endsWith('.context_length'));
  const contextLength = lengthKey === undefined ? undefined : toCount(info[lengthKey]);
  const [, numCtxText] = /^num_ctx\s+(\d+)/m.exec(toText(show['parameters']) ?? '') ?? [];
  return {
    capabilities,
    contextLength,
    numCtx: numCtxText === undefined ? undefined : Number(numCtxText),
  };
}

function toCapabilities(value: unknown): readonly Capability[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const named = toTexts(value);
  return knownCapabilities.filter((capability) => named.includes(capability));
}
