import { splitText, type ToolCallScript, toUtterance, type Utterance } from './answer-script.ts';
import type { Ask } from './ask.ts';
import type { CompiledModel } from './scripted-model.ts';
import { countTokens } from './tokens.ts';

/** Everything the model will say to one request, decided before the first token. */
export interface Answer {
  readonly thinking: Utterance;
  readonly thinkingLength: number;
  readonly speech: Utterance;
  readonly speechLength: number;
  readonly toolCall: ToolCallScript | undefined;
  readonly finish: 'stop' | 'length' | 'tool-calls';
  /** Tokens of all three together. */
  readonly tokens: number;
}

const silence = splitText('');

/** How far stop sequences are looked for. */
const SEARCHED_TOKENS = 20_000;

export function composeAnswer(model: CompiledModel, ask: Ask): Answer {
  const thinking = ask.think && model.can.has('thinking') ? toUtterance(model.thinking, ask.text) : silence;
  const thinkingLength = Math.min(thinking.length, ask.maxTokens);
  const left = ask.maxTokens - thinkingLength;
  const toolCall = left > 0 ? chooseToolCall(model, ask) : undefined;
  if (toolCall !== undefined) {
    const tokens = thinkingLength + countTokens(JSON.stringify(toolCall));
    return { thinking, thinkingLength, speech: silence, speechLength: 0, toolCall, finish: 'tool-calls', tokens };
  }
  const said = toSpeech(model, ask);
  const cut = cutAtStop(said, Math.min(said.length, left, SEARCHED_TOKENS), ask.stop);
  const speech = cut ?? said;
  const speechLength = Math.min(speech.length, left);
  const finish = speechLength < speech.length || thinkingLength < thinking.length ? 'length' : 'stop';
  return { thinking, thinkingLength, speech, speechLength, toolCall, finish, tokens: thinkingLength + speechLength };
}

function toSpeech(model: CompiledModel, ask: Ask): Utterance {
  if (ask.formatted) return splitText(model.formatted);
  const script =
    typeof model.answer === 'function' ? model.answer({ text: ask.text, prompt: ask.prompt }) : model.answer;
  return toUtterance(script, ask.text);
}

function cutAtStop(speech: Utterance, searched: number, stops: readonly string[]): Utterance | undefined {
  if (stops.length === 0) return undefined;
  const text = speech.text(searched);
  const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return found.length === 0 ? undefined : splitText(text.slice(0, Math.min(...found)));
}

function chooseToolCall(model: CompiledModel, ask: Ask): ToolCallScript | undefined {
  const { toolChoice, tools } = ask;
  if (toolChoice === 'none' || tools.length === 0) return undefined;
  const scripted = model.toolCall;
  if (typeof toolChoice === 'object') {
    return scripted?.name === toolChoice.name ? scripted : { name: toolChoice.name, arguments: {} };
  }
  if (scripted !== undefined && tools.includes(scripted.name) && !ask.afterTool) return scripted;
  const [first] = tools;
  return toolChoice === 'required' && first !== undefined ? { name: first, arguments: {} } : undefined;
}
