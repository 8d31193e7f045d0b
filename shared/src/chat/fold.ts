import { ClusterError } from '../errors/cluster-error.ts';
import type { ChatEvent, ResponseEnd, TokenLogprob } from './chat-event.ts';
import type { ToolCall } from './generation-request.ts';

/** A whole answer. */
export interface Folded {
  readonly text: string;
  readonly thinking: string;
  readonly toolCalls: readonly ToolCall[];
  /** Of all text, where the engine gave any. */
  readonly logprobs?: readonly TokenLogprob[];
  /** Of an embedding; else empty. */
  readonly vectors: readonly (readonly number[])[];
  readonly finishReason: ResponseEnd['finishReason'];
  readonly usage?: ResponseEnd['usage'];
  readonly timings?: ResponseEnd['timings'];
  /** The terminal event itself. */
  readonly end: ResponseEnd;
}

/** All events of an answer as one result. Throws `engine-failed` if they stop before the terminal event. */
export function foldEvents(events: Iterable<ChatEvent>): Folded {
  const folder = createFolder();
  for (const event of events) folder.add(event);
  return folder.end();
}

/** The same for a stream. What the stream throws is thrown on. */
export async function foldStream(events: AsyncIterable<ChatEvent>): Promise<Folded> {
  const folder = createFolder();
  for await (const event of events) folder.add(event);
  return folder.end();
}

interface Folder {
  add(event: ChatEvent): void;
  end(): Folded;
}

function createFolder(): Folder {
  let text = '';
  let thinking = '';
  const toolCalls: ToolCall[] = [];
  const logprobs: TokenLogprob[] = [];
  let hasLogprobs = false;
  let vectors: readonly (readonly number[])[] = [];
  let end: ResponseEnd | undefined;
  return {
    add(event) {
      switch (event.type) {
        case 'text-delta':
          text += event.text;
          if (event.logprobs === undefined) return;
          hasLogprobs = true;
          for (const logprob of event.logprobs) logprobs.push(logprob);
          return;
        case 'thinking-delta':
          thinking += event.text;
          return;
        case 'tool-call':
          toolCalls.push(event.call);
          return;
        case 'embeddings':
          vectors = vectors.length === 0 ? event.vectors : [...vectors, ...event.vectors];
          return;
        case 'response-end':
          end = event;
      }
    },
    end() {
      if (end === undefined) throw new ClusterError('engine-failed', 'the answer stopped before its last event');
      return {
        text,
        thinking,
        toolCalls,
        ...(hasLogprobs ? { logprobs } : {}),
        vectors,
        finishReason: end.finishReason,
        ...(end.usage === undefined ? {} : { usage: end.usage }),
        ...(end.timings === undefined ? {} : { timings: end.timings }),
        end,
      };
    },
  };
}
