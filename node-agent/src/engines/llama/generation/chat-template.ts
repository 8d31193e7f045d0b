import { createHash } from 'node:crypto';
import { Template } from '@huggingface/jinja';
import type { ChatMessage, ThinkLevel, ToolDefinition } from '@waggle/shared/chat/generation-request.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { channelCalls, channelMarks } from './channel-split.ts';
import type { ThinkingMarks } from './thinking-split.ts';
import { parseJsonObject } from './tools/balanced-json.ts';
import { findToolForm, sampleCall, type ToolForm } from './tools/tool-form.ts';

export interface TemplateTokens {
  readonly bos: string;
  readonly eos: string;
}

export interface RenderOptions {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ToolDefinition[] | undefined;
  readonly think?: ThinkLevel | undefined;
}

/** What models of the two usual spellings begin and end thinking with. */
const knownMarks: readonly ThinkingMarks[] = [
  { open: '<think>', close: '</think>' },
  { open: '<thinking>', close: '</thinking>' },
  { open: '<|START_THINKING|>', close: '<|END_THINKING|>' },
  { open: '[THINK]', close: '[/THINK]' },
  { open: '<seed:think>', close: '</seed:think>' },
  { open: '<|channel>thought', close: '<channel|>' },
];

/** For files that have no template: nothing but the texts, as a model without training for chats would have it. */
const plainTemplate = '{% for message in messages %}{{ message.content }}\n{% endfor %}';

/** The chat template of a model, and what it tells about the model. */
export class ChatTemplate {
  readonly #source: string;
  readonly #tokens: TemplateTokens;
  readonly #template: Template;
  #forms: { readonly form: ToolForm | undefined } | undefined;

  /** @throws ClusterError when the template cannot be read */
  constructor(source: string | undefined, tokens: TemplateTokens) {
    this.#source = source ?? plainTemplate;
    this.#tokens = tokens;
    try {
      this.#template = new Template(this.#source);
    } catch (cause) {
      throw new ClusterError('unsupported', `the model's chat template cannot be read: ${wordsOf(cause)}`, { cause });
    }
  }

  /** Undefined: the model is not known to think. */
  get thinking(): ThinkingMarks | undefined {
    return this.#hasChannels ? channelMarks : knownMarks.find(({ close }) => this.#source.includes(close));
  }

  /** Turns are written as messages of several channels. */
  get #hasChannels(): boolean {
    return this.#source.includes('<|channel|>') && this.#source.includes('<|message|>');
  }

  /** Undefined: it offers no tools, or writes calls in a form that is not understood. */
  get toolForm(): ToolForm | undefined {
    this.#forms ??= { form: this.#findToolForm() };
    return this.#forms.form;
  }

  /** Texts of tokens that must not be lost from an answer although they are no text for readers. */
  get marks(): readonly string[] {
    const { thinking, toolForm } = this;
    const marks = thinking === undefined ? [] : [thinking.open, thinking.close];
    if (toolForm === undefined) return marks;
    const { open, close } = toolForm;
    return [...marks, open, close, ...marksInside(toolForm)].filter(Boolean);
  }

  /**
   * The prompt of a conversation, up to where the answer begins.
   *
   * @throws ClusterError `bad-request` with the template's own words for what it does not take
   */
  render({ messages, tools, think }: RenderOptions): string {
    const written = messages.map((message) => this.#toTemplateMessage(message));
    try {
      return this.#write(written, tools, think);
    } catch (cause) {
      // Where the template's author took an absent list for an empty one, or wants no system message.
      for (const other of [written, withoutSystem(written)]) {
        if (other === undefined) continue;
        try {
          return this.#write(other, tools ?? [], think);
        } catch {
          // The first refusal says more.
        }
      }
      throw new ClusterError('bad-request', `the model's chat template refuses this: ${wordsOf(cause)}`, { cause });
    }
  }

  #write(
    messages: readonly object[],
    tools: readonly ToolDefinition[] | undefined,
    think: ThinkLevel | undefined,
  ): string {
    return this.#template.render({
      messages,
      ...(tools === undefined ? {} : { tools: tools.map(toTemplateTool) }),
      add_generation_prompt: true,
      bos_token: this.#tokens.bos,
      eos_token: this.#tokens.eos,
      ...(think === undefined ? {} : toSwitches(think)),
    });
  }

  #toTemplateMessage(message: ChatMessage): Readonly<Record<string, unknown>> {
    const { thinking, toolCalls, toolCallId, toolName } = message;
    return {
      role: roleOf(message.role),
      content: textOf(message),
      ...(thinking === undefined ? {} : { reasoning_content: thinking, thinking }),
      ...(toolCalls === undefined
        ? {}
        : {
            tool_calls: toolCalls.map((call) => ({
              id: this.#callId(call.id ?? `${call.name}-${call.index}`),
              type: 'function',
              function: { name: call.name, arguments: parseJsonObject(call.arguments) ?? {} },
            })),
          }),
      ...(toolCallId === undefined ? {} : { tool_call_id: this.#callId(toolCallId) }),
      ...(toolName === undefined ? {} : { name: toolName }),
    };
  }

  /** Mistral's templates take ids of nine characters and no others. */
  #callId(id: string): string {
    if (id.length === 9 || !this.#source.includes('length != 9')) return id;
    return createHash('sha256').update(id).digest('hex').slice(0, 9);
  }

  #findToolForm(): ToolForm | undefined {
    if (!this.#source.includes('tools') && !this.#source.includes('tool_calls')) return undefined;
    const user = { role: 'user', content: 'sample question' };
    const tool = { name: sampleCall.name, description: '', parameters: { type: 'object', properties: {} } };
    const call = {
      id: sampleCall.id,
      type: 'function',
      function: { name: sampleCall.name, arguments: sampleArguments },
    };
    const isWritten = (tools: readonly ToolDefinition[] | undefined) => {
      try {
        return this.#write([user], tools, undefined) !== this.#write([user], [tool], undefined);
      } catch {
        return false;
      }
    };
    const isAbsentFine = isWritten(undefined);
    if (!isAbsentFine && !isWritten([])) return undefined;
    if (this.#hasChannels) return channelCalls;
    try {
      const write = (answer: object) =>
        this.#template.render({
          messages: [user, { role: 'assistant', ...answer }],
          ...(isAbsentFine ? {} : { tools: [] }),
          add_generation_prompt: false,
          bos_token: this.#tokens.bos,
          eos_token: this.#tokens.eos,
        });
      const answered = write({ content: sampleText });
      const called = write({ content: '', tool_calls: [call] });
      const at = answered.indexOf(sampleText);
      if (at === -1) return undefined;
      // What stands before an answer, whether it is text or a call.
      let begin = 0;
      while (begin < at && answered[begin] === called[begin]) begin++;
      // Not from the middle of a mark that begins like another one.
      const mark = called.slice(0, begin).lastIndexOf('<');
      if (mark !== -1 && !called.slice(mark, begin).includes('>')) begin = mark;
      const written = called.slice(begin);
      const name = written.indexOf(sampleCall.name);
      const thought = this.thinking === undefined ? -1 : written.slice(0, name).lastIndexOf(this.thinking.close);
      const from = thought === -1 ? 0 : thought + (this.thinking?.close.length ?? 0);
      return findToolForm(written.slice(from), answered.slice(at + sampleText.length));
    } catch {
      return undefined;
    }
  }
}

const sampleText = 'sample-answer-text';
const sampleArguments = {
  [sampleCall.key]: sampleCall.value,
  [sampleCall.otherKey]: sampleCall.otherValue,
};

function marksInside(form: ToolForm): readonly string[] {
  switch (form.kind) {
    case 'object':
      return [];
    case 'parts':
      return [form.afterName, form.beforeArguments];
    case 'tagged':
      return [form.inner, form.beforeKey, form.afterKey, form.afterValue, form.end];
    case 'quoted':
      return [form.quote];
  }
}

function toSwitches(think: ThinkLevel): Readonly<Record<string, unknown>> {
  return {
    enable_thinking: think !== false,
    thinking: think !== false,
    ...(typeof think === 'string' ? { reasoning_effort: think === 'max' ? 'high' : think } : {}),
  };
}

function toTemplateTool({ name, description, parameters }: ToolDefinition): object {
  return {
    type: 'function',
    function: {
      name,
      description: description ?? '',
      parameters: parameters ?? { type: 'object', properties: {} },
    },
  };
}

function roleOf(role: string): string {
  if (role === 'developer') return 'system';
  return role === 'function' ? 'tool' : role;
}

function textOf({ content }: ChatMessage): string {
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
}

/** Some templates take no system message: its text goes before the first one of the user. */
function withoutSystem(
  messages: readonly Readonly<Record<string, unknown>>[],
): readonly Readonly<Record<string, unknown>>[] | undefined {
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => String(content));
  const rest = messages.filter(({ role }) => role !== 'system');
  const first = rest.findIndex(({ role }) => role === 'user');
  const user = rest[first];
  if (system.length === 0 || user === undefined) return undefined;
  return rest.with(first, { ...user, content: [...system, user['content']].join('\n\n') });
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
