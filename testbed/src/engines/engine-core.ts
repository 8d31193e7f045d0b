import type { Ask, Residence } from './ask.ts';
import type { Answer } from './compose-answer.ts';
import { composeAnswer } from './compose-answer.ts';
import { CoreRefusal } from './core-refusal.ts';
import { pause, unstoppable } from './pause.ts';
import { Residency, type ResidencyOptions, type Resident } from './residency.ts';
import {
  type CompiledModel,
  compileModel,
  type ModelDefaults,
  type ScriptedModel,
  toTaggedName,
} from './scripted-model.ts';
import type { Seat } from './slot-pool.ts';
import { countTokens } from './tokens.ts';

/**
 * What an engine does when its client leaves. `stop`: ends at once. `after-prefill`: computes the prompt to its end first,
 * as older Ollamas do. `never`: generates the whole answer for nobody.
 */
export type LeavingPolicy = 'stop' | 'after-prefill' | 'never';

export interface CoreOptions extends ResidencyOptions, ModelDefaults {
  readonly models: readonly ScriptedModel[];
  readonly leaving: LeavingPolicy;
}

/** A request whose answer can be given now: its model is loaded, it has a slot, its prompt is computed. */
export interface Turn {
  readonly model: CompiledModel;
  readonly numCtx: number;
  readonly answer: Answer;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly startedAt: number;
  /** Milliseconds, never 0. */
  readonly loadMs: number;
  readonly prefillMs: number;
  /** Milliseconds since 1970 of the first token. */
  readonly decodesSince: number;
  /** Gives the slot back; call it exactly once, before the client can see the end of the answer. */
  end(): void;
}

/** Models, memory, slots and time of a scripted engine, in no dialect. */
export class EngineCore {
  readonly residency: Residency;
  readonly leaving: LeavingPolicy;
  readonly totals = { requests: 0, promptTokens: 0, cachedTokens: 0, answerTokens: 0 };
  readonly #models = new Map<string, CompiledModel>();
  readonly #peaks = new Map<string, number>();
  readonly #defaults: ModelDefaults;

  constructor(options: CoreOptions, changed: () => void) {
    this.leaving = options.leaving;
    this.#defaults = { slots: options.slots, timeScale: options.timeScale, tagged: options.tagged };
    this.residency = new Residency(options, changed);
    for (const model of options.models) this.addModel(model);
  }

  get models(): readonly CompiledModel[] {
    return [...this.#models.values()];
  }

  /** By name; `latest` may be left out where names have tags, and case does not matter. */
  findModel(name: string): CompiledModel | undefined {
    return this.#models.get(this.#keyOf(name));
  }

  addModel(model: ScriptedModel): CompiledModel {
    const compiled = compileModel(model, this.#defaults);
    this.#models.set(this.#keyOf(model.name), compiled);
    return compiled;
  }

  removeModel(name: string): boolean {
    const model = this.findModel(name);
    if (model === undefined) return false;
    this.residency.unload(model.name);
    return this.#models.delete(this.#keyOf(name));
  }

  running(name: string): number {
    return this.#residentOf(name)?.slots.running ?? 0;
  }

  /** Requests that wait for a slot of the model. */
  waiting(name: string): number {
    return this.#residentOf(name)?.slots.waiting ?? 0;
  }

  /** Most requests of the model that ever ran at once. */
  maxConcurrent(name: string): number {
    return this.#peaks.get(this.#keyOf(name)) ?? 0;
  }

  /** Waits for the model, a slot and the prompt. Rejects with a CoreRefusal; `gone` when `signal` is aborted before it begins. */
  async begin(ask: Ask, residence: Residence, signal: () => AbortSignal): Promise<Turn> {
    const startedAt = performance.now();
    const model = this.findModel(ask.model);
    if (model === undefined) throw new CoreRefusal('no-model');
    const resident = await this.residency.acquire(model, residence, signal);
    const loadedAt = performance.now();
    const seat = await this.#seat(resident, ask.prefixCached ? ask.prompt : '', residence, signal);
    const seatedAt = performance.now();
    const promptTokens = Math.min(countTokens(ask.prompt), resident.numCtx);
    const cachedTokens = Math.min(seat.cachedTokens, Math.max(0, promptTokens - 1));
    const answer = composeAnswer(model, ask);
    const end = () => {
      const said = answer.speechLength === Number.POSITIVE_INFINITY ? '' : answer.speech.text(answer.speechLength);
      resident.slots.release(seat.slot, ask.prefixCached ? ask.prompt + said : '');
      this.residency.release(resident, residence.keepAliveMs);
    };
    const { prefillTokensPerS } = model;
    if (prefillTokensPerS > 0) {
      const ms = ((promptTokens - cachedTokens) / prefillTokensPerS) * 1000;
      await pause(ms, this.leaving === 'stop' ? signal() : unstoppable);
      if (this.leaving !== 'never' && signal().aborted) {
        end();
        throw new CoreRefusal('gone');
      }
    }
    const prefilledAt = performance.now();
    this.#count(promptTokens, cachedTokens, answer);
    return {
      model,
      numCtx: resident.numCtx,
      answer,
      promptTokens,
      cachedTokens,
      startedAt,
      loadMs: loadedAt - startedAt,
      prefillMs: prefilledAt - seatedAt,
      decodesSince: prefilledAt,
      end,
    };
  }

  async #seat(resident: Resident, prompt: string, residence: Residence, signal: () => AbortSignal): Promise<Seat> {
    try {
      const seat = await resident.slots.acquire(prompt, signal);
      const key = this.#keyOf(resident.model.name);
      if (resident.slots.peak > (this.#peaks.get(key) ?? 0)) this.#peaks.set(key, resident.slots.peak);
      return seat;
    } catch (error) {
      this.residency.release(resident, residence.keepAliveMs);
      throw error;
    }
  }

  #residentOf(name: string): Resident | undefined {
    const model = this.findModel(name);
    return model === undefined ? undefined : this.residency.find(model.name);
  }

  #count(promptTokens: number, cachedTokens: number, answer: Answer): void {
    this.totals.requests++;
    this.totals.promptTokens += promptTokens;
    this.totals.cachedTokens += cachedTokens;
    if (answer.tokens !== Number.POSITIVE_INFINITY) this.totals.answerTokens += answer.tokens;
  }

  #keyOf(name: string): string {
    return (this.#defaults.tagged ? toTaggedName(name) : name).toLowerCase();
  }
}
