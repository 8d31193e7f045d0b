import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Llama, LlamaModel } from 'node-llama-cpp';
import { ChatTemplate } from '../generation/chat-template.ts';
import { embed } from '../generation/embed.ts';
import { generate } from '../generation/generate.ts';
import { LoadedText } from '../generation/loaded-text.ts';
import type { RunControl } from '../generation/run-control.ts';
import { type Library, openLlama } from './library.ts';
import type { LoadedModel, LoadOrder, ModelWork, RunEnd } from './protocol.ts';

/** What a child does once its model is loaded. */
export interface LoadedRunner {
  readonly loaded: LoadedModel;
  run(work: ModelWork, control: RunControl, emit: (events: readonly ChatEvent[]) => void): Promise<RunEnd>;
}

/** Tokens that are computed at once at most. */
const batchTokens = 512;

export async function loadModel(library: Library, order: LoadOrder): Promise<LoadedRunner> {
  const llama = await openLlama(library, order.threads);
  const model = await llama.loadModel({ modelPath: order.path });
  return order.embeds ? loadEmbedder(model, order) : loadText(library, llama, model, order);
}

async function loadText(library: Library, llama: Llama, model: LlamaModel, order: LoadOrder): Promise<LoadedRunner> {
  const { numCtx, slots, threads } = order;
  const context = await model.createContext({
    contextSize: numCtx,
    sequences: slots,
    threads,
    batchSize: Math.min(batchTokens, numCtx),
    failedCreationRemedy: false,
  });
  const { tokens } = model;
  const template = new ChatTemplate(model.fileInfo.metadata.tokenizer.chat_template, {
    bos: tokens.bosString ?? '',
    eos: tokens.eosString ?? '',
  });
  const text = new LoadedText({ library, llama, model, context, template, numCtx });
  return {
    loaded: toLoaded(model, context.memoryUsage, numCtx),
    async run(work, control, emit) {
      const { request } = work;
      if (request.kind === 'embedding') throw unfit('embeddings');
      if (work.stream) return generate({ ...work, request }, text, control, emit);
      // A whole answer goes in one message.
      const events: ChatEvent[] = [];
      const end = await generate({ ...work, request }, text, control, (more) => events.push(...more));
      if (end.outcome === 'done') emit(joined(events));
      return end;
    },
  };
}

async function loadEmbedder(model: LlamaModel, { numCtx, threads }: LoadOrder): Promise<LoadedRunner> {
  // A text is computed at once: models that look at it both ways cannot do it in pieces.
  const context = await model.createEmbeddingContext({ contextSize: numCtx, batchSize: numCtx, threads });
  return {
    loaded: toLoaded(model, { ram: 0, vram: 0 }, numCtx),
    async run(work, control, emit) {
      const { request } = work;
      if (request.kind !== 'embedding') throw unfit(request.kind);
      return embed({ ...work, request }, { model, context, numCtx }, control, emit);
    },
  };
}

function toLoaded(
  model: LlamaModel,
  context: { readonly ram: number; readonly vram: number },
  numCtx: number,
): LoadedModel {
  const { ram, vram } = model.memoryUsage;
  return { numCtx, ramBytes: ram + context.ram, vramBytes: vram + context.vram };
}

function unfit(what: string): ClusterError {
  return new ClusterError('unsupported', `this model does not support ${what}`);
}

/** Deltas that follow each other as one. */
function joined(events: readonly ChatEvent[]): readonly ChatEvent[] {
  const result: ChatEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    if (event.type === 'text-delta' && last?.type === 'text-delta') {
      const logprobs = [...(last.logprobs ?? []), ...(event.logprobs ?? [])];
      result[result.length - 1] = {
        type: 'text-delta',
        text: last.text + event.text,
        ...(logprobs.length === 0 ? {} : { logprobs }),
      };
    } else if (event.type === 'thinking-delta' && last?.type === 'thinking-delta') {
      result[result.length - 1] = { type: 'thinking-delta', text: last.text + event.text };
    } else {
      result.push(event);
    }
  }
  return result;
}
