import type { ToolCallScript } from '../answer-script.ts';
import { escapeGoHtml } from './go-html.ts';

/** Where the words stand in an answer of generate and of chat. */
export interface AnswerForm {
  /** All three are JSON. */
  said(text: string, thinking?: string, toolCalls?: string): string;
}

export const chatForm: AnswerForm = {
  said: (text, thinking, toolCalls) => {
    const thought = thinking === undefined ? '' : `,"thinking":${thinking}`;
    const calls = toolCalls === undefined ? '' : `,"tool_calls":${toolCalls}`;
    return `"message":{"role":"assistant","content":${text}${thought}${calls}}`;
  },
};

export const generateForm: AnswerForm = {
  said: (text, thinking) =>
    thinking === undefined ? `"response":${text}` : `"response":${text},"thinking":${thinking}`,
};

let calls = 0;

/** Arguments are an object, in the order they were written. */
export function toolCallsJson(call: ToolCallScript): string {
  calls++;
  const id = `call_${calls.toString(36).padStart(8, '0')}`;
  return escapeGoHtml(JSON.stringify([{ id, function: { index: 0, name: call.name, arguments: call.arguments } }]));
}
