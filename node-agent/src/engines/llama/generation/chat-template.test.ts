import type { ChatMessage, ChatRequest } from '@waggle/shared/chat/generation-request.ts';
import { describe, expect, test } from 'vitest';
import { argumentPairs, functionTags } from '../testing/tool-forms.ts';
import { ChatTemplate } from './chat-template.ts';
import { toPrompt } from './prompt.ts';

const tokens = { bos: '<s>', eos: '</s>' };
const user: ChatMessage = { role: 'user', content: [{ type: 'text', text: 'hi' }] };
const system: ChatMessage = { role: 'system', content: [{ type: 'text', text: 'be brief' }] };
const tool = { name: 'look_up', description: 'Looks up.', parameters: { type: 'object' } };

/** Written after what the models of these families have, as short as they can be. */
const hermes = `{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}{% for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false %}<think>

</think>

{% endif %}{% endif %}`;
const llama3 = `{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>

{% if message.tool_calls %}{"name": "{{ message.tool_calls[0].function.name }}", "parameters": {{ message.tool_calls[0].function.arguments | tojson }}}{% else %}{{ message.content }}{% endif %}<|eot_id|>{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>

{% endif %}`;
const mistral = `{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}[INST]{{ message.content }}[/INST]{% elif message.tool_calls %}[TOOL_CALLS][{% for call in message.tool_calls %}{% if call.id|length != 9 %}{{ raise_exception('ids have nine characters') }}{% endif %}{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}, "id": "{{ call.id }}"}{% if not loop.last %}, {% endif %}{% endfor %}]{{ eos_token }}{% elif message.role == 'system' %}{{ raise_exception('no system messages') }}{% else %}{{ message.content }}{{ eos_token }}{% endif %}{% endfor %}`;
const pythonic = `{% for message in messages %}{{ message.content }}{% for call in message.tool_calls or [] %}[{{ call.function.name }}({% for name, value in call.function.arguments.items() %}{{ name }}='{{ value }}'{% endfor %})]{% endfor %}
{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}`;
const coder = `{% for message in messages %}{{ message.role }}: {{ message.content }}{% for call in message.tool_calls or [] %}<tool_call>
<function={{ call.function.name }}>
{% for name, value in call.function.arguments.items() %}<parameter={{ name }}>
{{ value }}
</parameter>
{% endfor %}</function>
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}`;
const harmony = `{% if tools %}{{ tools | tojson }}{% endif %}{% for message in messages %}<|start|>{{ message.role }}{% for call in message.tool_calls or [] %} to=functions.{{ call.function.name }}<|channel|>commentary json<|message|>{{ call.function.arguments | tojson }}<|call|>{% endfor %}{% if not message.tool_calls %}<|channel|>final<|message|>{{ message.content }}<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}`;
const gemma = `{% if tools %}{{ tools | tojson }}{% endif %}{% for message in messages %}<|turn>{{ message.role }}
{{ message.content }}{% for call in message.tool_calls or [] %}<|tool_call>call:{{ call.function.name }}{{ '{' }}{% for key, value in call.function.arguments | dictsort %}{{ key }}:<|"|>{{ value }}<|"|>{% if not loop.last %},{% endif %}{% endfor %}{{ '}' }}<tool_call|>{% endfor %}<turn|>
{% endfor %}{% if add_generation_prompt %}<|turn>model
{% if not enable_thinking %}<|channel>thought
<channel|>{% endif %}{% endif %}`;
const pairs = `{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% for call in message.tool_calls or [] %}<tool_call>{{ call.function.name }}
{% for name, value in call.function.arguments.items() %}<arg_key>{{ name }}</arg_key>
<arg_value>{{ value }}</arg_value>
{% endfor %}</tool_call>{% endfor %}{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}`;
const apart = `{% for message in messages %}{{ message.content }}{% for call in message.tool_calls or [] %}[TOOL_CALLS]{{ call.function.name }}[ARGS]{{ call.function.arguments | tojson }}{% endfor %}</s>{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}`;

describe('the form of calls', () => {
  test.each([
    [
      'Hermes',
      hermes,
      { kind: 'object', open: '<tool_call>', close: '</tool_call>', isList: false, argumentsKey: 'arguments' },
    ],
    ['Llama 3', llama3, { kind: 'object', open: '', close: '', isList: false, argumentsKey: 'parameters' }],
    ['Mistral', mistral, { kind: 'object', open: '[TOOL_CALLS]', close: '', isList: true, argumentsKey: 'arguments' }],
    [
      'name and arguments apart',
      apart,
      { kind: 'parts', open: '[TOOL_CALLS]', afterName: '[ARGS]', beforeArguments: '', close: '' },
    ],
    [
      'texts between quotes of their own',
      gemma,
      { kind: 'quoted', open: '<|tool_call>', begin: '<|tool_call>call:', quote: '<|"|>', close: '<tool_call|>' },
    ],
    ['messages of channels', harmony, { kind: 'parts', open: '<|channel|>commentary to=functions.' }],
    ['arguments in tags of their own', coder, functionTags],
    ['keys and values in tags', pairs, { ...argumentPairs, begin: expect.any(String) }],
  ])('%s', (_name, source, form) => {
    expect(new ChatTemplate(source, tokens).toolForm).toMatchObject(form);
  });

  test.each([
    ['calls in the words of a programming language', pythonic],
    ['none', '{% for message in messages %}{{ message.content }}{% endfor %}'],
    ['tools that are not shown to the model', hermes.replace('{%- if tools %}', '{%- if false %}')],
  ])('%s is not understood', (_name, source) => {
    expect(new ChatTemplate(source, tokens).toolForm).toBeUndefined();
  });
});

test('thinking is what the template marks, and its switch is used', () => {
  const template = new ChatTemplate(hermes, tokens);
  expect(template.thinking).toEqual({ open: '<think>', close: '</think>' });
  expect(template.render({ messages: [user], think: false })).toMatch(/<think>\n\n<\/think>\n\n$/);
  expect(template.render({ messages: [user], think: true })).toMatch(/assistant\n$/);
  expect(new ChatTemplate(llama3, tokens).thinking).toBeUndefined();
});

test('an answer in a form begins where the template’s channels have it', () => {
  const template = new ChatTemplate(harmony, tokens);
  const limits = { truncates: false, mostTokens: 1_000, countTokens: () => 1 };
  const request: ChatRequest = {
    kind: 'chat',
    model: 'm',
    stream: true,
    messages: [user],
    sampling: {},
    format: { type: 'json' },
  };
  expect(toPrompt(request, template, limits)).toMatchObject({
    text: expect.stringMatching(/assistant<\|channel\|>analysis<\|message\|>\n$/),
    isThinking: true,
    grammar: { isAfterThinking: true },
  });
  expect(toPrompt({ ...request, think: false }, template, limits)).toMatchObject({
    text: expect.stringMatching(/assistant<\|channel\|>final<\|message\|>$/),
    isThinking: false,
    grammar: { isAfterThinking: false },
  });
});

test('a conversation with a call and its answer', () => {
  const messages: ChatMessage[] = [
    user,
    {
      role: 'assistant',
      content: [],
      toolCalls: [{ index: 0, id: 'c1', name: 'look_up', arguments: '{"city":"Oslo"}' }],
    },
    { role: 'tool', content: [{ type: 'text', text: 'rain' }], toolCallId: 'c1', toolName: 'look_up' },
  ];
  expect(new ChatTemplate(hermes, tokens).render({ messages, tools: [tool] })).toBe(
    '<|im_start|>system\n{"type": "function", "function": {"name": "look_up", "description": "Looks up.", "parameters": {"type": "object"}}}\n' +
      '<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<tool_call>\n{"name": "look_up", "arguments": {"city": "Oslo"}}\n' +
      '</tool_call><|im_end|>\n<|im_start|>tool\nrain<|im_end|>\n<|im_start|>assistant\n',
  );
  // Ids that such a template would refuse are made to fit.
  expect(new ChatTemplate(mistral, tokens).render({ messages: messages.slice(0, 2) })).toMatch(/"id": "[0-9a-f]{9}"/);
});

test('a template that takes no system message has it in the first one of the user', () => {
  const text = new ChatTemplate(mistral, tokens).render({ messages: [system, user] });
  expect(text).toBe('<s>[INST]be brief\n\nhi[/INST]');
});

test('what a template does not take is refused with its words', () => {
  const template = new ChatTemplate("{{ raise_exception('roles must alternate') }}", tokens);
  expect(() => template.render({ messages: [user] })).toThrow('roles must alternate');
  expect(() => new ChatTemplate('{% for %}', tokens)).toThrow('cannot be read');
});

test('without a template a model is given the texts', () => {
  expect(new ChatTemplate(undefined, tokens).render({ messages: [system, user] })).toBe('be brief\nhi\n');
});
