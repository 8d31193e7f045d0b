import type { ModelFacts } from '../process/model-facts.ts';

export interface LoadWish {
  /** Tokens of a sequence; undefined: what is usual. */
  readonly numCtx: number | undefined;
  /** Sequences at once, where somebody decided. */
  readonly slots: number | undefined;
  /** Otherwise as many as memory has room for, up to this. */
  readonly mostSlots: number;
  /** Context where nobody says. */
  readonly defaultNumCtx: number;
}

export interface LoadPlan {
  readonly numCtx: number;
  /** Longest context it can be loaded with. */
  readonly mostCtx: number;
  readonly slots: number;
  /** Of memory, altogether. */
  readonly bytes: number;
  /** Thereof for the weights, which are mapped from their file. */
  readonly weightsBytes: number;
}

/** Sequences beyond the first may take this share of what the first one leaves. */
const shareForSlots = 0.25;
/** Kept free for everything else on the machine. */
const reserveBytes = 256 * 1024 * 1024;
const fallbackContext = 4_096;

/** Tokens of context a model is loaded with. */
function planContext(facts: ModelFacts, wish: Pick<LoadWish, 'numCtx' | 'defaultNumCtx'>): number {
  return Math.max(1, Math.min(wish.numCtx ?? wish.defaultNumCtx, mostContext(facts)));
}

/** How a model would be loaded where so much memory can be had; whether it `fits` is another question. */
export function planLoad(facts: ModelFacts, wish: LoadWish, availableBytes: number): LoadPlan {
  const numCtx = planContext(facts, wish);
  const sequenceBytes = facts.contextBytesPerToken * numCtx;
  const oneBytes = facts.weightsBytes + facts.contextBytes + sequenceBytes;
  const slots = facts.capabilities.includes('embedding')
    ? 1
    : (wish.slots ?? slotsFor(sequenceBytes, availableBytes - oneBytes, wish.mostSlots));
  const bytes = oneBytes + (slots - 1) * sequenceBytes;
  return { numCtx, mostCtx: mostContext(facts), slots, bytes, weightsBytes: facts.weightsBytes };
}

export function fits(plan: LoadPlan, availableBytes: number): boolean {
  return plan.bytes + reserveBytes <= availableBytes;
}

/** The refusal of a model that cannot be loaded, in words. */
export function doesNotFit(name: string, plan: LoadPlan, availableBytes: number): string {
  const { numCtx, slots } = plan;
  const each = slots === 1 ? '' : ` for each of ${slots} requests at once`;
  return (
    `${name} needs ${toGiB(plan.bytes + reserveBytes)} of memory with a context of ${numCtx} tokens${each}, ` +
    `and ${toGiB(Math.max(0, availableBytes))} can be had: a smaller context, a smaller model or more memory is needed`
  );
}

function mostContext({ contextLength }: ModelFacts): number {
  return contextLength > 0 ? contextLength : fallbackContext;
}

function slotsFor(sequenceBytes: number, leftBytes: number, mostSlots: number): number {
  if (sequenceBytes <= 0) return mostSlots;
  const beyondFirst = Math.floor((leftBytes * shareForSlots) / sequenceBytes);
  return Math.max(1, Math.min(mostSlots, 1 + beyondFirst));
}

function toGiB(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(bytes < 1024 ** 3 ? 2 : 1)} GiB`;
}
