import { quoteText, type ToolCallScript } from '../answer-script.ts';
import type { Answer } from '../compose-answer.ts';
import type { OpenAiTraits } from './openai-traits.ts';

export function finishOf(finish: Answer['finish']): string {
  return finish === 'tool-calls' ? 'tool_calls' : finish;
}

let calls = 0;

function newCallId({ flavour }: OpenAiTraits): string {
  calls++;
  const number = calls.toString(36).padStart(10, '0');
  return flavour === 'vllm' ? `chatcmpl-tool-${number}` : number;
}

/** The deltas of a call: its name first, then its arguments, a text in pieces. */
export function toolDeltas(call: ToolCallScript, traits: OpenAiTraits): readonly string[] {
  const head = { index: 0, id: newCallId(traits), type: 'function', function: { name: call.name, arguments: '' } };
  const deltas = [JSON.stringify({ tool_calls: [head] })];
  const written = JSON.stringify(call.arguments);
  for (let at = 0; at < written.length; at += traits.argumentPiece) {
    const piece = written.slice(at, at + traits.argumentPiece);
    deltas.push(JSON.stringify({ tool_calls: [{ index: 0, function: { arguments: piece } }] }));
  }
  return deltas;
}

/** The message of an unstreamed chat answer. */
export function messageJson(answer: Answer, traits: OpenAiTraits): string {
  const { thinking, thinkingLength, speech, speechLength, toolCall } = answer;
  const content = toolCall === undefined ? quoteText(speech, speechLength) : 'null';
  const thought = thinkingLength === 0 ? undefined : quoteText(thinking, thinkingLength);
  const called = toolCall === undefined ? undefined : toolCallsJson(toolCall, traits);
  if (traits.flavour === 'vllm') {
    return `{"role":"assistant","content":${content},"refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":${called ?? '[]'},"${traits.reasoningField}":${thought ?? 'null'}}`;
  }
  const reasoning = thought === undefined ? '' : `,"${traits.reasoningField}":${thought}`;
  return `{"role":"assistant","content":${content}${reasoning}${called === undefined ? '' : `,"tool_calls":${called}`}}`;
}

function toolCallsJson(call: ToolCallScript, traits: OpenAiTraits): string {
  const written = { name: call.name, arguments: JSON.stringify(call.arguments) };
  return JSON.stringify([{ id: newCallId(traits), type: 'function', function: written }]);
}
