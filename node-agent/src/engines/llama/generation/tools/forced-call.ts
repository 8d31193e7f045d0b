import type { ToolDefinition } from '@waggle/shared/chat/generation-request.ts';
import { literal, schemaRules, writeRules } from '../grammar/json-grammar.ts';
import type { QuotedForm, TaggedForm, ToolForm } from './tool-form.ts';

/** A grammar for one call of one of these tools, from behind the mark that opens a call. */
export function callGrammar(form: ToolForm, tools: readonly ToolDefinition[]): string {
  if (form.kind === 'tagged' || form.kind === 'quoted') {
    // Values are not JSON in this form; which tool is called is held, and what follows is the model's.
    const names = tools.map(({ name }) => literal(name)).join(' | ');
    return writeRules(
      new Map([['root', `( ${names} ) ${literal(form.kind === 'tagged' ? form.afterName : '{')} [^\\x00]*`]]),
    );
  }
  const rules = new Map<string, string>();
  const calls = tools.map((tool, index) => {
    const prefix = `t${index}-`;
    const own = schemaRules(tool.parameters ?? { type: 'object' });
    for (const [name, body] of own) rules.set(prefix + name, renamed(body, own, prefix));
    return toCall(form, tool.name, `${prefix}root`);
  });
  const call = `( ${calls.join(' | ')} )`;
  const isList = form.kind === 'object' && form.isList;
  return writeRules(new Map([['root', isList ? `"[" space ${call} space "]"` : `space ${call}`], ...rules]));
}

function toCall(form: Exclude<ToolForm, TaggedForm | QuotedForm>, name: string, argumentsRule: string): string {
  if (form.kind === 'parts')
    return `${literal(name)} ${literal(form.afterName + form.beforeArguments)} ${argumentsRule}`;
  const named = literal(
    `${JSON.stringify(form.nameKey)}: ${JSON.stringify(name)}, ${JSON.stringify(form.argumentsKey)}: `,
  );
  return `"{" ${named} ${argumentsRule} space "}"`;
}

/** The rule with the names of its own set made different from those of the others; literals and character classes stay. */
function renamed(body: string, own: ReadonlyMap<string, string>, prefix: string): string {
  return body.replace(/"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|[a-zA-Z][a-zA-Z0-9-]*/g, (part) =>
    own.has(part) ? prefix + part : part,
  );
}
