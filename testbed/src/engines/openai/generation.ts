import { quoteText } from '../answer-script.ts';
import type { WholeAnswer } from '../break-answer.ts';
import type { Turn } from '../engine-core.ts';
import type { Exchange } from '../exchange.ts';
import { type Performance, perform, performWhole } from '../perform.ts';
import type { EngineParts } from '../scripted-engine.ts';
import { type ChunkForm, type Envelope, newEnvelope } from './chunk-form.ts';
import { llamaServerForm } from './llama-server-form.ts';
import { lmStudioForm } from './lm-studio-form.ts';
import { finishOf, messageJson, toolDeltas } from './message-json.ts';
import { errorJson, jsonHeadersOf, OpenAiRefusal } from './openai-refusal.ts';
import { type OpenAiCall, readChat, readCompletion } from './openai-request.ts';
import type { OpenAiFlavour, OpenAiTraits } from './openai-traits.ts';
import { chatLogprobsJson, textLogprobsJson } from './token-logprobs.ts';
import { vllmForm } from './vllm-form.ts';

const forms: Readonly<Record<OpenAiFlavour, ChunkForm>> = {
  vllm: vllmForm,
  'llama-server': llamaServerForm,
  'lm-studio': lmStudioForm,
};

function formOf(traits: OpenAiTraits): ChunkForm {
  return forms[traits.flavour];
}

/** How chat and text completions differ. */
interface CompletionKind {
  script(call: OpenAiCall, turn: Turn, traits: OpenAiTraits): Performance;
  body(call: OpenAiCall, turn: Turn, traits: OpenAiTraits): string;
}

export function createGeneration(parts: EngineParts, traits: OpenAiTraits) {
  return {
    chat: (exchange: Exchange) => {
      const { bodyText, body } = exchange.record;
      return answer(exchange, readChat(bodyText, body, parts.core, traits), chatAnswer, parts, traits);
    },
    completions: (exchange: Exchange) => {
      const { bodyText, body } = exchange.record;
      return answer(exchange, readCompletion(bodyText, body, parts.core, traits), textAnswer, parts, traits);
    },
  };
}

async function answer(
  exchange: Exchange,
  call: OpenAiCall,
  kind: CompletionKind,
  parts: EngineParts,
  traits: OpenAiTraits,
): Promise<void> {
  if (call.stream && traits.earlyHeaders) {
    exchange.head(200, streamHeadersOf(traits));
    exchange.flushHead();
  }
  const turn = await parts.begin(exchange, call.ask, { runner: '', keepAliveMs: undefined });
  if (call.stream) await perform(exchange, turn, kind.script(call, turn, traits), parts.play);
  else {
    const whole: WholeAnswer = {
      headers: jsonHeadersOf(traits.flavour),
      knownLength: Number.POSITIVE_INFINITY,
      body: () => kind.body(call, turn, traits),
      errorBody: (message) => errorJson(new OpenAiRefusal(500, message), traits.flavour),
    };
    await performWhole(exchange, turn, whole, parts.play);
  }
}

function streamHeadersOf({ flavour }: OpenAiTraits): Readonly<Record<string, string>> {
  switch (flavour) {
    case 'vllm':
      return { server: 'uvicorn', 'content-type': 'text/event-stream; charset=utf-8' };
    case 'llama-server':
      return { ...jsonHeadersOf(flavour), 'x-accel-buffering': 'no', 'content-type': 'text/event-stream' };
    case 'lm-studio':
      return { ...jsonHeadersOf(flavour), 'cache-control': 'no-cache', 'content-type': 'text/event-stream' };
  }
}

/** What both kinds of stream share: the usage chunk if it was asked for, the end mark, the broken and the error event. */
function frameStream(
  call: OpenAiCall,
  turn: Turn,
  traits: OpenAiTraits,
  object: string,
  envelope: Envelope,
): Pick<Performance, 'headers' | 'broken' | 'errorEvent'> & { readonly ending: (finishChunk: string) => string } {
  const form = formOf(traits);
  return {
    headers: streamHeadersOf(traits),
    broken: 'data: {"id":"chatcmpl-\n\n',
    errorEvent: (message) => `data: ${errorJson(new OpenAiRefusal(500, message), traits.flavour)}\n\ndata: [DONE]\n\n`,
    ending: (finishChunk) => {
      const usage = call.includeUsage ? form.usageChunk(envelope, object, turn) : '';
      return `${finishChunk}${usage}data: [DONE]\n\n`;
    },
  };
}

const chatAnswer: CompletionKind = {
  script: (call, turn, traits) => {
    const form: ChunkForm = formOf(traits);
    const envelope = newEnvelope('chatcmpl', call.model.name);
    const { thinking, thinkingLength, speech, speechLength, toolCall, finish } = turn.answer;
    const calls = toolCall === undefined ? [] : toolDeltas(toolCall, traits);
    const { ending, ...frames } = frameStream(call, turn, traits, 'chat.completion.chunk', envelope);
    return {
      ...frames,
      opening: form.chatChunk(envelope, form.openingDelta, null),
      deltas: thinkingLength + speechLength + calls.length,
      delta: (index) => {
        if (index < thinkingLength) {
          return form.chatChunk(envelope, `{"${traits.reasoningField}":${thinking.quoted(index)}}`, null);
        }
        const word = index - thinkingLength;
        if (word >= speechLength) return form.chatChunk(envelope, calls[word - speechLength] ?? '{}', null);
        const { topLogprobs } = call;
        const logprobs = topLogprobs === undefined ? undefined : chatLogprobsJson([speech.piece(word)], topLogprobs);
        return form.chatChunk(envelope, `{"content":${speech.quoted(word)}}`, null, logprobs);
      },
      closing: () => ending(form.chatEnd(envelope, finishOf(finish), turn, call.includeUsage)),
    };
  },
  body: (call, turn, traits) => {
    const { speech, speechLength, finish } = turn.answer;
    const { topLogprobs } = call;
    const logprobs =
      topLogprobs === undefined ? undefined : chatLogprobsJson(piecesOf(speech.piece, speechLength), topLogprobs);
    const envelope = newEnvelope('chatcmpl', call.model.name);
    return formOf(traits).chatBody(envelope, messageJson(turn.answer, traits), finishOf(finish), turn, logprobs);
  },
};

const textAnswer: CompletionKind = {
  script: (call, turn, traits) => {
    const form: ChunkForm = formOf(traits);
    const envelope = newEnvelope('cmpl', call.model.name);
    const { speech, speechLength, finish } = turn.answer;
    const { ending, ...frames } = frameStream(call, turn, traits, 'text_completion', envelope);
    return {
      ...frames,
      opening: '',
      deltas: speechLength,
      delta: (index) => {
        const { topLogprobs } = call;
        const logprobs = topLogprobs === undefined ? undefined : textLogprobsJson([speech.piece(index)], topLogprobs);
        return form.textChunk(envelope, speech.quoted(index), null, logprobs);
      },
      closing: () => ending(form.textEnd(envelope, finishOf(finish), turn, call.includeUsage)),
    };
  },
  body: (call, turn, traits) => {
    const { speech, speechLength, finish } = turn.answer;
    const { topLogprobs } = call;
    const logprobs =
      topLogprobs === undefined ? undefined : textLogprobsJson(piecesOf(speech.piece, speechLength), topLogprobs);
    const envelope = newEnvelope('cmpl', call.model.name);
    return formOf(traits).textBody(envelope, quoteText(speech, speechLength), finishOf(finish), turn, logprobs);
  },
};

function piecesOf(piece: (index: number) => string, length: number): readonly string[] {
  return Array.from({ length }, (_, index) => piece(index));
}
