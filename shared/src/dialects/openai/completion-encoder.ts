import type { ChatEvent, TokenLogprob } from '../../chat/chat-event.ts';
import { foldEvents } from '../../chat/fold.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { writeListedLogprobs } from '../answers/logprobs.ts';
import type { AnswerEncoder, AnswerEncoderOptions } from '../dialect.ts';
import { encodeStreamEnd, encodeUsage, finishReasons, objectHead, streamHead } from './answer-parts.ts';

/**
 * Completions have no place for thinking and tool calls. Thinking is added under `reasoning`, as chat has it; a call cannot come,
 * since no tools can be offered.
 */
export function createCompletionEncoder(options: AnswerEncoderOptions): AnswerEncoder {
  const id = `cmpl-${options.requestId}`;
  const head = streamHead('openai.completions', options);
  const index = options.choice ?? 0;
  const tail = options.includeUsage ? '],"usage":null}\n\n' : ']}\n\n';
  let textLength = 0;

  function choice(text: string, logprobs: string, finishReason: string, thinking = ''): string {
    const reasoning = thinking === '' ? '' : `,"reasoning":${JSON.stringify(thinking)}`;
    return `{"text":${text},"index":${index},"logprobs":${logprobs},"finish_reason":${finishReason}${reasoning}}`;
  }

  function encodeEvent(event: ChatEvent): string {
    switch (event.type) {
      case 'text-delta': {
        const { text, logprobs } = event;
        const offset = textLength;
        textLength += text.length;
        return `${head}${choice(JSON.stringify(text), encodeLogprobs(logprobs, offset), 'null')}${tail}`;
      }
      case 'thinking-delta':
        return `${head}${choice('""', 'null', 'null', event.text)}${tail}`;
      case 'tool-call':
        return '';
      case 'response-end': {
        const finish = `${head}${choice('""', 'null', `"${finishReasons[event.finishReason]}"`)}${tail}`;
        return options.choice === undefined ? finish + encodeStreamEnd(head, event.usage, options) : finish;
      }
      case 'embeddings':
        throw new ClusterError('internal', 'embeddings are not streamed');
    }
  }

  return {
    encode: (events) => Buffer.from(events.map(encodeEvent).join('')),
    encodeWhole(events) {
      const { text, thinking, logprobs, end } = foldEvents(events);
      const reason = `"${finishReasons[end.finishReason]}"`;
      const only = choice(JSON.stringify(text), encodeLogprobs(logprobs, 0), reason, thinking);
      const body = `${objectHead('text_completion', id, options)},"choices":[${only}],"usage":${encodeUsage(end.usage)}}\n`;
      return Buffer.from(body);
    },
  };
}

function encodeLogprobs(logprobs: readonly TokenLogprob[] | undefined, offset: number): string {
  return logprobs === undefined ? 'null' : JSON.stringify(writeListedLogprobs(logprobs, offset));
}
