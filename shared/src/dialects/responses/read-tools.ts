import type { JsonObject } from '../json/json-value.ts';
import { withoutAbsent } from '../json/without-absent.ts';
import { needText, readFlag, readList, readObject, readText, toFields, wrongField } from '../requests/read-fields.ts';
import { unsupported } from '../requests/unsupported.ts';
import { customParameters, type OwnTool, toChatName } from './tool-names.ts';

export interface ReadTools {
  /** As a chat takes them; undefined: none. */
  readonly tools: readonly JsonObject[] | undefined;
  readonly choice: unknown;
  /** By the names the model is given. */
  readonly own: ReadonlyMap<string, OwnTool>;
  /** What the response says of them. */
  readonly echo: { readonly tools: readonly JsonObject[]; readonly tool_choice: unknown };
}

/**
 * Run at OpenAI. Coding clients offer these to every model beside tools of their own, and get along without them: there they are left
 * out, which the `tools` of the response show. By themselves or demanded they are refused, as are all others.
 */
const offers = /^(?:web_search(?:_\w+)?|image_generation|tool_search)$/;

interface Gathered {
  readonly own: Map<string, OwnTool>;
  readonly chat: JsonObject[];
  readonly echo: JsonObject[];
}

export function readTools(fields: JsonObject): ReadTools {
  const listed = readList(fields, 'tools') ?? [];
  const gathered: Gathered = { own: new Map(), chat: [], echo: [] };
  const left: { readonly type: string; readonly path: string }[] = [];
  for (const [index, item] of listed.entries()) {
    const path = `tools[${index}]`;
    const tool = toFields(item, path);
    const type = needText(tool, 'type', path);
    if (offers.test(type)) left.push({ type, path });
    else readTool(tool, path, gathered);
  }
  const [first] = left;
  if (first !== undefined && gathered.own.size === 0) throw unsupportedTool(first.type, first.path);
  const { choice, tools } = readChoice(fields['tool_choice'], gathered);
  if (tools.length === 0 && choice !== undefined && choice !== 'auto' && choice !== 'none') {
    throw wrongField('tool_choice', 'there are no tools to choose from');
  }
  return {
    tools: tools.length === 0 ? undefined : tools,
    choice,
    own: gathered.own,
    echo: { tools: gathered.echo, tool_choice: fields['tool_choice'] ?? 'auto' },
  };
}

function readTool(tool: JsonObject, path: string, gathered: Gathered): void {
  const type = needText(tool, 'type', path);
  switch (type) {
    case 'function':
    case 'custom':
      addTool(tool, path, gathered, undefined);
      gathered.echo.push(type === 'function' ? { strict: null, parameters: null, ...tool } : tool);
      return;
    case 'namespace': {
      const namespace = needText(tool, 'name', path);
      for (const [index, item] of (readList(tool, 'tools', path) ?? []).entries()) {
        addTool(toFields(item, `${path}.tools[${index}]`), `${path}.tools[${index}]`, gathered, namespace);
      }
      gathered.echo.push(tool);
      return;
    }
    default:
      throw unsupportedTool(type, path);
  }
}

function addTool(tool: JsonObject, path: string, { own, chat }: Gathered, namespace: string | undefined): void {
  const type = needText(tool, 'type', path);
  if (type !== 'function' && type !== 'custom') throw unsupportedTool(type, path);
  const name = needText(tool, 'name', path);
  const chatName = toChatName(name, namespace);
  if (own.has(chatName)) throw wrongField(`${path}.name`, `there are two tools ${JSON.stringify(chatName)}`);
  own.set(chatName, { kind: type, name, ...(namespace === undefined ? {} : { namespace }) });
  chat.push({
    type: 'function',
    function: {
      name: chatName,
      ...withoutAbsent({
        description: type === 'custom' ? describeCustom(tool, path) : readText(tool, 'description', path),
        parameters: type === 'custom' ? customParameters : readObject(tool, 'parameters', path),
        strict: readFlag(tool, 'strict', path),
      }),
    },
  });
}

/** Its grammar no engine can be held to here; the model is told of it. */
function describeCustom(tool: JsonObject, path: string): string | undefined {
  const description = readText(tool, 'description', path);
  const format = readObject(tool, 'format', path);
  const definition = format === undefined ? undefined : readText(format, 'definition', `${path}.format`);
  if (definition === undefined) return description;
  return `${description === undefined ? '' : `${description}\n`}The input must follow this grammar:\n${definition}`;
}

function unsupportedTool(type: string, path: string): Error {
  return unsupported(
    `${path}.type`,
    `${path}.type: tools of type ${JSON.stringify(type)} are not supported; only function and custom tools are, which the client runs itself`,
  );
}

function readChoice(choice: unknown, gathered: Gathered): { readonly choice: unknown; readonly tools: JsonObject[] } {
  const tools = gathered.chat;
  if (choice === undefined || choice === null) return { choice: undefined, tools };
  if (choice === 'none' || choice === 'auto' || choice === 'required') return { choice, tools };
  if (typeof choice === 'string') throw wrongField('tool_choice', 'must be "none", "auto", "required" or an object');
  const fields = toFields(choice, 'tool_choice');
  switch (fields['type']) {
    case 'function':
    case 'custom': {
      const name = toChatName(needText(fields, 'name', 'tool_choice'), readText(fields, 'namespace', 'tool_choice'));
      return { choice: { type: 'function', function: { name } }, tools };
    }
    case 'allowed_tools':
      return readAllowed(fields, gathered);
    default: {
      const type = needText(fields, 'type', 'tool_choice');
      throw unsupported('tool_choice', `tool_choice.type: ${JSON.stringify(type)} is no tool of your own`);
    }
  }
}

function readAllowed(fields: JsonObject, { own, chat }: Gathered) {
  const mode = needText(fields, 'mode', 'tool_choice');
  if (mode !== 'auto' && mode !== 'required') throw wrongField('tool_choice.mode', 'must be "auto" or "required"');
  const allowed = new Set<string>();
  for (const [index, item] of (readList(fields, 'tools', 'tool_choice') ?? []).entries()) {
    const path = `tool_choice.tools[${index}]`;
    const tool = toFields(item, path);
    if (offers.test(needText(tool, 'type', path))) continue;
    const name = toChatName(needText(tool, 'name', path), readText(tool, 'namespace', path));
    if (!own.has(name)) throw wrongField(`${path}.name`, 'is the name of none of the tools');
    allowed.add(name);
  }
  return { choice: mode, tools: chat.filter((tool) => allowed.has(String((tool['function'] as JsonObject)['name']))) };
}
