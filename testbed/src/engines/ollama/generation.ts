import { quoteText } from '../answer-script.ts';
import type { WholeAnswer } from '../break-answer.ts';
import type { Turn } from '../engine-core.ts';
import type { Exchange } from '../exchange.ts';
import { type Performance, perform, performWhole } from '../perform.ts';
import type { EngineParts } from '../scripted-engine.ts';
import { type AnswerForm, chatForm, generateForm, toolCallsJson } from './generation-form.ts';
import { escapeGoHtml } from './go-html.ts';
import { nowRfc3339, toNanoseconds } from './go-time.ts';
import { bufferedLength, errorJson, jsonHeaders, sendOllamaJson } from './ollama-refusal.ts';
import { type OllamaCall, readChat, readGenerate } from './ollama-request.ts';
import type { OllamaTraits } from './ollama-traits.ts';
import { logprobsJson } from './token-logprobs.ts';

const streamHeaders = { 'content-type': 'application/x-ndjson' };

export function createGeneration(parts: EngineParts, traits: OllamaTraits) {
  return {
    chat: (exchange: Exchange) =>
      answer(exchange, readChat(exchange.record, parts.core, traits), chatForm, parts, traits),
    generate: (exchange: Exchange) =>
      answer(exchange, readGenerate(exchange.record, parts.core, traits), generateForm, parts, traits),
  };
}

async function answer(
  exchange: Exchange,
  call: OllamaCall,
  form: AnswerForm,
  parts: EngineParts,
  traits: OllamaTraits,
): Promise<void> {
  if (call.empty) {
    await answerEmpty(exchange, call, form, parts);
    return;
  }
  const turn = await parts.begin(exchange, call.ask, call.residence);
  if (call.stream) await perform(exchange, turn, toPerformance(call, turn, form, traits), parts.play);
  else await performWhole(exchange, turn, toWhole(call, turn, form, traits), parts.play);
}

/** A call without a prompt loads the model, or unloads it with a `keep_alive` of 0. One object, whatever `stream` says. */
async function answerEmpty(exchange: Exchange, call: OllamaCall, form: AnswerForm, parts: EngineParts): Promise<void> {
  const { residency } = parts.core;
  const unload = call.residence.keepAliveMs === 0;
  if (unload) residency.unload(call.model.name);
  else {
    const resident = await residency.acquire(call.model, call.residence, exchange.signal);
    residency.release(resident, call.residence.keepAliveMs);
  }
  const head = headJson(call.ask.model);
  sendOllamaJson(exchange, 200, `${head}${form.said('""')},"done":true,"done_reason":"${unload ? 'unload' : 'load'}"}`);
}

function toPerformance(call: OllamaCall, turn: Turn, form: AnswerForm, traits: OllamaTraits): Performance {
  const { thinking, thinkingLength, speech, speechLength, toolCall } = turn.answer;
  const model = modelJson(call.ask.model);
  const calls = toolCall === undefined ? undefined : toolCallsJson(toolCall);
  const ownChunk = calls !== undefined && traits.toolCallPlace === 'chunk' ? 1 : 0;
  const shared = traits.mixedBoundary && thinkingLength > 0 && speechLength > 0 ? 1 : 0;
  const saysFrom = thinkingLength - shared;
  const logprobs = (piece: string) => (call.logprobs ? `,"logprobs":${logprobsJson([piece], call.topLogprobs)}` : '');
  return {
    headers: streamHeaders,
    opening: '',
    deltas: saysFrom + speechLength + ownChunk,
    delta: (index) => {
      const head = `{"model":${model},"created_at":"${nowRfc3339()}",`;
      const thought = index < thinkingLength ? escapeGoHtml(thinking.quoted(index)) : undefined;
      const word = index - saysFrom;
      if (word >= speechLength) return `${head}${form.said('""', undefined, calls)},"done":false}\n`;
      const quoted = word < 0 ? '""' : escapeGoHtml(speech.quoted(word));
      const tail = word < 0 ? '' : logprobs(speech.piece(word));
      return `${head}${form.said(quoted, thought)},"done":false${tail}}\n`;
    },
    closing: () => {
      const said = form.said('""', undefined, ownChunk === 1 ? undefined : calls);
      return `${headJson(call.ask.model)}${said},"done":true${endJson(call, turn, traits)}}\n`;
    },
    broken: `{"model":${model},"created_at":\n`,
    errorEvent: (message) => `${errorJson(message)}\n`,
  };
}

function toWhole(call: OllamaCall, turn: Turn, form: AnswerForm, traits: OllamaTraits): WholeAnswer {
  const { thinking, thinkingLength, speech, speechLength, toolCall } = turn.answer;
  return {
    headers: jsonHeaders,
    knownLength: bufferedLength,
    body: () => {
      const thought = thinkingLength === 0 ? undefined : escapeGoHtml(quoteText(thinking, thinkingLength));
      const calls = toolCall === undefined ? undefined : toolCallsJson(toolCall);
      const said = form.said(escapeGoHtml(quoteText(speech, speechLength)), thought, calls);
      const pieces = call.logprobs ? Array.from({ length: speechLength }, (_, index) => speech.piece(index)) : [];
      const logprobs = call.logprobs ? `,"logprobs":${logprobsJson(pieces, call.topLogprobs)}` : '';
      return `${headJson(call.ask.model)}${said},"done":true${endJson(call, turn, traits)}${logprobs}}`;
    },
    errorBody: errorJson,
  };
}

function modelJson(name: string): string {
  return escapeGoHtml(JSON.stringify(name));
}

function headJson(model: string): string {
  return `{"model":${modelJson(model)},"created_at":"${nowRfc3339()}",`;
}

/** Ids are made up; a reader can only see that they are there, and pass them back. */
const CONTEXT_IDS = 32;

function endJson(call: OllamaCall, turn: Turn, traits: OllamaTraits): string {
  const now = performance.now();
  const { answer: said, promptTokens, cachedTokens } = turn;
  const ids = Math.min(CONTEXT_IDS, promptTokens + said.tokens);
  const context = call.withContext
    ? `,"context":[${Array.from({ length: ids }, (_, index) => index + 1).join(',')}]`
    : '';
  const cached = traits.modern ? `,"prompt_eval_cached_count":${cachedTokens}` : '';
  return [
    `,"done_reason":"${said.finish === 'length' ? 'length' : 'stop'}"${context}`,
    `,"total_duration":${toNanoseconds(now - turn.startedAt)},"load_duration":${toNanoseconds(turn.loadMs)}`,
    `,"prompt_eval_count":${promptTokens}${cached},"prompt_eval_duration":${toNanoseconds(turn.prefillMs)}`,
    `,"eval_count":${said.tokens},"eval_duration":${toNanoseconds(now - turn.decodesSince)}`,
  ].join('');
}
