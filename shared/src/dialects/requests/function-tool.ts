import type { ToolDefinition } from '../../chat/generation-request.ts';
import { isFilled, toObject, toText } from '../json/json-value.ts';
import { withoutAbsent } from '../json/without-absent.ts';
import { badRequest } from './unsupported.ts';

/** A tool as both APIs write it: `{ type: 'function', function: { name, … } }`. Throws `bad-request` for one without a name. */
export function decodeFunctionTool(tool: unknown): ToolDefinition {
  const named = toObject(toObject(tool)?.['function']);
  const name = named?.['name'];
  if (named === undefined || !isFilled(name)) throw badRequest('tools', 'a tool needs a function with a name');
  const { strict } = named;
  return {
    name,
    ...withoutAbsent({
      description: toText(named['description']),
      parameters: toObject(named['parameters']),
      strict: typeof strict === 'boolean' ? strict : undefined,
    }),
  };
}
