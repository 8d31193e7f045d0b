import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import type { EmbeddingRequest } from '@waggle/shared/chat/generation-request.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { LlamaEmbeddingContext, LlamaModel, Token } from 'node-llama-cpp';
import type { ModelWork, RunEnd } from '../process/protocol.ts';
import type { RunControl } from './run-control.ts';

export interface LoadedEmbedder {
  readonly model: LlamaModel;
  readonly context: LlamaEmbeddingContext;
  readonly numCtx: number;
}

/** Tokens that mark the begin and the end of a text, and one that the library wants free. */
const aroundText = 3;

/** The vectors of texts, one after the other. */
export async function embed(
  work: ModelWork & { readonly request: EmbeddingRequest },
  { model, context, numCtx }: LoadedEmbedder,
  control: RunControl,
  emit: (events: readonly ChatEvent[]) => void,
): Promise<RunEnd> {
  const begunAt = performance.now();
  const { input, dimensions, truncate } = work.request;
  const vectors: number[][] = [];
  let promptTokens = 0;
  for (const text of input) {
    if (control.isCancelled) return { outcome: 'cancelled' };
    let tokens: Token[] = model.tokenize(text);
    const room = numCtx - aroundText;
    if (tokens.length > room) {
      if (truncate === false || !work.truncates) {
        throw new ClusterError('context-length-exceeded', 'the input length exceeds the context length', {
          details: { param: 'input' },
        });
      }
      tokens = tokens.slice(0, room);
    }
    // Nothing is still a text: it has the vector of its marks.
    if (tokens.length === 0) tokens = model.tokenize(' ');
    promptTokens += tokens.length;
    const { vector } = await context.getEmbeddingFor(tokens);
    vectors.push(toWished([...vector], dimensions, work.normalises));
  }
  if (control.isCancelled) return { outcome: 'cancelled' };
  const usage = { promptTokens, completionTokens: 0 };
  const timings = { totalMs: performance.now() - begunAt };
  emit([
    { type: 'embeddings', vectors },
    { type: 'response-end', finishReason: 'stop', usage, timings },
  ]);
  return { outcome: 'done', usage, timings };
}

function toWished(vector: number[], dimensions: number | undefined, normalises: boolean): number[] {
  const cut = dimensions === undefined ? vector : vector.slice(0, dimensions);
  if (!normalises) return cut;
  const length = Math.hypot(...cut);
  return length === 0 ? cut : cut.map((number) => number / length);
}
