import type { ChatEvent, Usage } from '../../chat/chat-event.ts';
import type { EndpointName } from '../../chat/endpoints.ts';
import type { AnswerEncoder, AnswerEncoderOptions } from '../dialect.ts';
import type { JsonObject } from '../json/json-value.ts';
import { createAnswerEncoder } from './answer-encoder.ts';
import { encodeStreamEnd, encodeUsage, streamHead } from './answer-parts.ts';

/** Writes several answers to one request as one answer with a choice for each. */
export interface SeveralAnswersEncoder {
  /** What one of them says next, in a stream. */
  encode(index: number, events: readonly ChatEvent[]): Uint8Array;
  /** The end of the stream. */
  end(usage: Usage): Uint8Array;
  /** The events of all of them as one body. Throws `engine-failed` where one has no end. */
  encodeWhole(answers: readonly (readonly ChatEvent[])[], usage: Usage): Uint8Array;
}

export function createSeveralAnswersEncoder(
  endpoint: EndpointName,
  options: AnswerEncoderOptions,
  count: number,
): SeveralAnswersEncoder {
  const encoders = Array.from({ length: count }, (_, choice) => createAnswerEncoder(endpoint, { ...options, choice }));
  const encoderOf = (index: number): AnswerEncoder => encoders[index] ?? createAnswerEncoder(endpoint, options);
  return {
    encode: (index, events) => encoderOf(index).encode(events),
    end: (usage) => Buffer.from(encodeStreamEnd(streamHead(endpoint, options), usage, options)),
    encodeWhole(answers, usage) {
      const bodies = answers.map((events, index) => {
        const body = Buffer.from(encoderOf(index).encodeWhole(events)).toString('utf8');
        return JSON.parse(body) as JsonObject & { readonly choices: readonly unknown[] };
      });
      const choices = bodies.flatMap((body) => body.choices);
      return Buffer.from(
        `${JSON.stringify({ ...bodies[0], choices, usage: JSON.parse(encodeUsage(usage)) as unknown })}\n`,
      );
    },
  };
}
