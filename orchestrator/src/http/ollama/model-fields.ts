import { checkText } from '@waggle/shared/dialects/json/go-json.ts';
import type { JsonObject } from '@waggle/shared/dialects/json/json-value.ts';
import { withExactModelKeys } from '@waggle/shared/dialects/ollama/body-keys.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { isModelName, splitNodeSuffix } from '../../cluster/model-names.ts';
import type { NodeChoice } from '../../operations/engine-choice.ts';
import type { ReadObject } from '../body/read-object.ts';
import type { HttpContext } from '../route.ts';

/** What is judged is what the engine is sent: the keys of a body count whatever their case, as they do there. */
export async function readFields(
  context: HttpContext,
  { readObject, struct }: { readonly readObject: ReadObject; readonly struct: string },
): Promise<JsonObject> {
  return withExactModelKeys(await readObject(context, struct));
}

/** Which nodes the client named in `?node=`. */
export function nodeChoice({ req }: HttpContext): NodeChoice {
  const wanted = req.query('node');
  if (wanted === undefined || wanted === '') return 'best';
  return wanted === '*' ? 'all' : wanted.split(',').map((name) => name.trim());
}

/** Ollama still takes `name`, as its older clients say. `struct` is what it calls the request. */
export function nameOf({ model, name }: JsonObject, struct: string): string {
  checkText(model, `${struct}.model`);
  checkText(name, `${struct}.name`);
  const wanted = model || name;
  return typeof wanted === 'string' ? wanted : '';
}

export function modelRequired(): ClusterError {
  return new ClusterError('bad-request', 'model is required', { details: { param: 'model' } });
}

/** What may go into a registry path or an engine's store, perhaps of one node: no way up, no blanks inside, nothing absolute. */
export function isName(name: string): boolean {
  return isModelName(splitNodeSuffix(name)?.model ?? name);
}
