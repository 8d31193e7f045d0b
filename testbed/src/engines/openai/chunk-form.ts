import { randomBytes } from 'node:crypto';
import type { Turn } from '../engine-core.ts';

/** What stays the same through one answer. */
export interface Envelope {
  readonly id: string;
  readonly created: number;
  /** JSON. */
  readonly model: string;
}

/** How a flavour writes its objects. Deltas, messages and logprobs are JSON. */
export interface ChunkForm {
  readonly openingDelta: string;
  chatChunk(envelope: Envelope, delta: string, finish: string | null, logprobs?: string): string;
  textChunk(envelope: Envelope, text: string, finish: string | null, logprobs?: string): string;
  /** The chunk without choices that carries the usage. */
  usageChunk(envelope: Envelope, object: string, turn: Turn): string;
  /** The chunk that ends the answer. */
  chatEnd(envelope: Envelope, finish: string, turn: Turn, includeUsage: boolean): string;
  textEnd(envelope: Envelope, finish: string, turn: Turn, includeUsage: boolean): string;
  chatBody(envelope: Envelope, message: string, finish: string, turn: Turn, logprobs?: string): string;
  textBody(envelope: Envelope, text: string, finish: string, turn: Turn, logprobs?: string): string;
}

export function newEnvelope(prefix: string, model: string): Envelope {
  return {
    id: `${prefix}-${randomBytes(12).toString('hex')}`,
    created: Math.floor(Date.now() / 1000),
    model: JSON.stringify(model),
  };
}

export function quoteFinish(finish: string | null): string {
  return finish === null ? 'null' : `"${finish}"`;
}

export function frameEvent(json: string): string {
  return `data: ${json}\n\n`;
}
