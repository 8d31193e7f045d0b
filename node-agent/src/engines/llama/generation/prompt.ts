import type { ChatMessage, ChatRequest, TextRequest, ToolDefinition } from '@waggle/shared/chat/generation-request.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { ChatTemplate, RenderOptions } from './chat-template.ts';
import { fitMessages } from './fit-prompt.ts';
import { jsonGrammar, schemaGrammar } from './grammar/json-grammar.ts';
import { callGrammar } from './tools/forced-call.ts';

/** What the model is given, and what its answer is to be read as. */
export interface Prompt {
  readonly text: string;
  /** Goes before the text, as tokens. */
  readonly context: readonly number[];
  /** Tokens of text before and after a gap the model is to fill; then `text` is not used. */
  readonly infill?: { readonly prefix: string; readonly suffix: string };
  /** The text ends within thinking. */
  readonly isThinking: boolean;
  /** Offered tools; none: calls are not looked for. */
  readonly tools: readonly ToolDefinition[];
  /** Text that the answer begins with although it is part of the prompt. */
  readonly begun: string;
  readonly grammar?: { readonly text: string; readonly isAfterThinking: boolean };
}

/** Messages that the template cannot show at all are refused by it; `fits` shortens what is too long. */
export interface PromptLimits {
  readonly truncates: boolean;
  readonly mostTokens: number;
  readonly countTokens: (text: string) => number;
}

/** @throws ClusterError for what the model or its template cannot do */
export function toPrompt(request: ChatRequest | TextRequest, template: ChatTemplate, limits: PromptLimits): Prompt {
  return request.kind === 'chat' ? toChatPrompt(request, template, limits) : toTextPrompt(request, template, limits);
}

function toChatPrompt(request: ChatRequest, template: ChatTemplate, limits: PromptLimits): Prompt {
  const { toolChoice } = request;
  const offered = toolChoice === 'none' ? [] : (request.tools ?? []);
  const { toolForm } = template;
  if (offered.length > 0 && toolForm === undefined) throw unable('tools', 'this model does not support tools');
  const isForced = toolChoice === 'required' || typeof toolChoice === 'object';
  if (!isForced || toolForm === undefined) return toTemplated(request, request.messages, template, limits, offered);
  const callable = typeof toolChoice === 'object' ? offered.filter(({ name }) => name === toolChoice.name) : offered;
  if (callable.length === 0) throw unable('tool_choice', 'tool_choice asks for a tool that is not among the tools');
  // What a call is like is decided by its tool, and that there is one, without a thought.
  const { format: _format, think: _think, ...rest } = request;
  const plain: ChatRequest = template.thinking === undefined ? rest : { ...rest, think: false };
  const prompt = toTemplated(plain, request.messages, template, limits, offered);
  const begun = 'begin' in toolForm ? toolForm.begin : toolForm.open;
  return {
    ...prompt,
    text: prompt.text + begun,
    begun,
    grammar: { text: callGrammar(toolForm, callable), isAfterThinking: false },
  };
}

function toTextPrompt(request: TextRequest, template: ChatTemplate, limits: PromptLimits): Prompt {
  const { prompt, suffix, system, raw, context = [] } = request;
  const plain = { context, isThinking: false, tools: [], begun: '', ...toGrammar(request, false) };
  if (suffix !== undefined) return { ...plain, text: '', infill: { prefix: prompt, suffix } };
  if (raw === true) return { ...plain, text: prompt };
  const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'text', text: prompt }] }];
  if (system !== undefined) messages.unshift({ role: 'system', content: [{ type: 'text', text: system }] });
  return { ...toTemplated(request, messages, template, limits, []), context };
}

function toTemplated(
  request: ChatRequest | TextRequest,
  messages: readonly ChatMessage[],
  template: ChatTemplate,
  { truncates, mostTokens, countTokens }: PromptLimits,
  tools: readonly ToolDefinition[],
): Prompt {
  const { thinking } = template;
  if (thinking === undefined && request.think !== undefined && request.think !== false) {
    throw unable('think', 'this model does not support thinking');
  }
  const think = thinking === undefined ? undefined : (request.think ?? true);
  const options: Omit<RenderOptions, 'messages'> = { tools: tools.length === 0 ? undefined : tools, think };
  const render = (some: readonly ChatMessage[]) => template.render({ ...options, messages: some });
  const fitting = truncates ? fitMessages(messages, mostTokens, (some) => countTokens(render(some))) : messages;
  let text = render(fitting);
  let isThinking = thinking !== undefined && text.trimEnd().endsWith(thinking.open);
  if (isThinking && think === false && thinking !== undefined) {
    text += `${thinking.close}\n\n`;
    isThinking = false;
  }
  const thinks = thinking !== undefined && think !== false;
  const grammar = toGrammar(request, thinks);
  if (grammar.grammar !== undefined && !thinks) text += thinking?.answer ?? '';
  // The form binds the answer, not the thinking: that it thinks first must be certain then.
  if (grammar.grammar !== undefined && thinks && !isThinking) {
    text += `${thinking.open}\n`;
    isThinking = true;
  }
  return { text, context: [], isThinking, tools, begun: '', ...grammar };
}

function toGrammar({ format }: ChatRequest | TextRequest, isAfterThinking: boolean): Pick<Prompt, 'grammar'> {
  if (format === undefined) return {};
  const text = format.type === 'json' ? jsonGrammar() : schemaGrammar(format.schema);
  return { grammar: { text, isAfterThinking } };
}

function unable(param: string, message: string): ClusterError {
  return new ClusterError('bad-request', message, { details: { param } });
}
