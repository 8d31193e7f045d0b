import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { OperationFrame, OperationRequest } from '@waggle/shared/cluster/operation.ts';
import { type JsonObject, toObject, toText } from '../json-facts.ts';

/**
 * Work on models that these servers can do: show one, from what they told. Everything else is theirs to refuse, in words.
 */
export async function* runOpenAiOperation(
  { name, bodyJson }: OperationRequest,
  models: readonly ModelReport[],
  engineName: string,
): AsyncGenerator<OperationFrame, void, undefined> {
  if (name !== 'show') {
    const message = `${engineName} has no way to ${wordsOf(name)} models; do it where that server is run`;
    return yield { type: 'end', failure: { cause: 'request', code: 'unsupported', message } };
  }
  const asked = toModelName(bodyJson);
  const model = models.find((candidate) => candidate.name === asked || `${candidate.name}:latest` === asked);
  yield { type: 'head', status: model === undefined ? 404 : 200, contentType: 'application/json; charset=utf-8' };
  const answer = model === undefined ? { error: `model '${asked}' not found` } : toShow(model);
  yield { type: 'chunk', bytes: Buffer.from(JSON.stringify(answer)) };
  yield { type: 'end' };
}

function toModelName(bodyJson: string): string {
  const body: JsonObject = toObject(JSON.parse(bodyJson));
  return toText(body['model']) ?? toText(body['name']) ?? '';
}

function toShow(model: ModelReport): JsonObject {
  const tag = toObject(JSON.parse(model.tagJson ?? '{}'));
  const architecture = model.family ?? 'unknown';
  return {
    modelfile: '',
    parameters: '',
    template: '',
    details: tag['details'],
    model_info: {
      'general.architecture': architecture,
      [`${architecture}.context_length`]: model.contextLength,
    },
    capabilities: model.capabilities ?? ['completion'],
    modified_at: model.modifiedAt,
  };
}

function wordsOf(name: Exclude<OperationRequest['name'], 'show'>): string {
  return name === 'blob-head' || name === 'blob-put' ? 'take the files of' : name;
}
