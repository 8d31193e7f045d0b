import type { TaggedForm } from '../generation/tools/tool-form.ts';

/** Calls as Qwen3-Coder writes them: the name and each argument are attributes of tags. */
export const functionTags: TaggedForm = {
  kind: 'tagged',
  open: '<tool_call>',
  inner: '<function=',
  begin: '<tool_call>\n<function=',
  afterName: '>',
  beforeKey: '<parameter=',
  afterKey: '>',
  afterValue: '</parameter>',
  close: '</function>',
  end: '</tool_call>',
};

/** Calls as GLM writes them: keys and values take turns. */
export const argumentPairs: TaggedForm = {
  kind: 'tagged',
  open: '<tool_call>',
  inner: '',
  begin: '<tool_call>',
  afterName: '',
  beforeKey: '<arg_key>',
  afterKey: '<arg_value>',
  afterValue: '</arg_value>',
  close: '</tool_call>',
  end: '',
};
