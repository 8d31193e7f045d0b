import { createHash } from 'node:crypto';
import type { Capability, ModelReport, ModelState } from '@waggle/shared/cluster/model.ts';
import { type JsonObject, toCount, toNumber, toObject, toObjects, toText } from '../json-facts.ts';
import type { ServerKind } from './server-kind.ts';

export interface ServerFacts {
  readonly kind: ServerKind;
  /** Entries of `/v1/models`. */
  readonly listed: readonly JsonObject[];
  /** LM Studio: entries of `/api/v1/models`. */
  readonly native: readonly JsonObject[];
  /** llama-server: `/props`. */
  readonly props: JsonObject;
  /** llama-swap: entries of `/running`. */
  readonly running: readonly JsonObject[];
  readonly loading: ReadonlySet<string>;
  readonly parallel: number;
  /** First time each model was seen: some servers give the time of the question as the model's. */
  readonly firstSeen: ReadonlyMap<string, string>;
}

/** The models of an OpenAI-compatible server, with tags and processes in Ollama's form: its clients list them too. */
export function toModelReports(facts: ServerFacts): ModelReport[] {
  const entries = new Map<string, { readonly listed: JsonObject; readonly native: JsonObject }>();
  for (const native of facts.native) {
    const key = toText(native['key']);
    if (key !== undefined) entries.set(key, { listed: {}, native });
  }
  for (const listed of facts.listed) {
    const id = toText(listed['id']);
    if (id !== undefined) entries.set(id, { listed, native: entries.get(id)?.native ?? {} });
  }
  return [...entries].map(([id, { listed, native }]) => toModelReport(id, listed, native, facts));
}

function toModelReport(id: string, listed: JsonObject, native: JsonObject, facts: ServerFacts): ModelReport {
  const meta = toObject(listed['meta']);
  const instance = toObjects(native['loaded_instances'])[0];
  const contextLength =
    toCount(listed['max_model_len']) ?? toCount(meta['n_ctx_train']) ?? toCount(native['max_context_length']);
  const numCtx =
    toCount(toObject(instance?.['config'])['context_length']) ??
    toCount(listed['max_model_len']) ??
    toCount(meta['n_ctx']) ??
    toCount(toObject(facts.props['default_generation_settings'])['n_ctx']);
  const parameters = toNumber(meta['n_params']);
  const report: ModelReport = {
    name: id,
    // None: what it serves under a name may be other weights after its next start, or on the next machine.
    digest: '',
    sizeBytes: toNumber(meta['size']) ?? toNumber(native['size_bytes']) ?? 0,
    state: stateOf(id, listed, native, facts),
    capabilities: toCapabilities(native) ?? (facts.listed.length === 1 ? toServerCapabilities(facts.props) : undefined),
    contextLength,
    numCtx,
    parallel: facts.parallel,
    modifiedAt: facts.firstSeen.get(id),
    family: toText(native['architecture']),
    parameterSize: toText(native['params_string']) ?? (parameters === undefined ? undefined : toShortCount(parameters)),
    quantization: toText(toObject(native['quantization'])['name']) ?? toText(meta['ftype'])?.replace(/^all /, ''),
  };
  return withOllamaForms(report, toText(native['format']) ?? (facts.kind === 'llama-server' ? 'gguf' : ''));
}

/** Servers with one model have it loaded; those that swap say so. */
function stateOf(
  id: string,
  listed: JsonObject,
  native: JsonObject,
  { kind, running, loading }: ServerFacts,
): ModelState {
  if (loading.has(id)) return 'loading';
  const status = toText(toObject(listed['status'])['value']);
  if (status !== undefined) return status === 'loaded' ? 'hot' : status === 'loading' ? 'loading' : 'cold';
  if (kind === 'lm-studio') return toObjects(native['loaded_instances']).length > 0 ? 'hot' : 'cold';
  if (kind === 'llama-swap') {
    const state = running.find((entry) => entry['model'] === id)?.['state'];
    return state === 'ready' ? 'hot' : state === 'starting' ? 'loading' : 'cold';
  }
  return 'hot';
}

/** What LM Studio says of each model. */
function toCapabilities(native: JsonObject): readonly Capability[] | undefined {
  const type = toText(native['type']);
  if (type === 'embedding' || type === 'embeddings') return ['embedding'];
  const told = toObject(native['capabilities']);
  if (typeof told['vision'] !== 'boolean') return undefined;
  const found: Capability[] = ['completion'];
  // A model that was not trained for tools is given them all the same, in its prompt.
  found.push('tools');
  if (told['vision']) found.push('vision');
  // Whether it thinks is not told everywhere; a request to think is never refused for that.
  found.push('thinking');
  return found;
}

/**
 * What llama-server says of its one model. Whether it embeds or fills in is not told, and left out: such a request goes to another
 * place only if that is known to have what this one may have.
 */
function toServerCapabilities(props: JsonObject): readonly Capability[] | undefined {
  const modalities = toObject(props['modalities']);
  if (typeof modalities['vision'] !== 'boolean') return undefined;
  const template = toObject(props['chat_template_caps']);
  const found: Capability[] = ['completion'];
  if (template['supports_tools'] !== false) found.push('tools');
  if (modalities['vision']) found.push('vision');
  if (template['supports_reasoning_effort'] === true || template['supports_preserve_reasoning'] === true)
    found.push('thinking');
  if (modalities['audio'] === true) found.push('audio');
  return found;
}

/** Resident until someone says otherwise, as Ollama writes it. */
const forEver = '2318-01-01T00:00:00Z';

function withOllamaForms(report: ModelReport, format: string): ModelReport {
  const { name, sizeBytes: size, family = '', contextLength, capabilities } = report;
  const digest = createHash('sha256').update(name).digest('hex');
  const details = {
    parent_model: '',
    format,
    family,
    families: family === '' ? null : [family],
    parameter_size: report.parameterSize ?? '',
    quantization_level: report.quantization ?? '',
    context_length: contextLength,
  };
  const tag = { name, model: name, modified_at: report.modifiedAt ?? '', size, digest, details, capabilities };
  if (report.state !== 'hot') return { ...report, tagJson: JSON.stringify(tag) };
  const ps = {
    name,
    model: name,
    size,
    digest,
    details,
    expires_at: forEver,
    size_vram: 0,
    context_length: report.numCtx,
  };
  return {
    ...report,
    resident: { sizeBytes: size, vramBytes: 0 },
    tagJson: JSON.stringify(tag),
    psJson: JSON.stringify(ps),
  };
}

/** `7.47M`, as Ollama writes parameter sizes. */
function toShortCount(count: number): string {
  for (const [unit, letter] of [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ] as const) {
    if (count >= unit)
      return `${Number((count / unit).toFixed(count / unit < 10 ? 2 : count / unit < 100 ? 1 : 0))}${letter}`;
  }
  return String(count);
}
