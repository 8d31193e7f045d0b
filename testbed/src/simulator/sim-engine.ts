import type { ModelState } from '@waggle/shared/cluster/model.ts';
import type { SimClock } from './sim-clock.ts';

/** A machine with one engine, the way Ollama behaves. Times in milliseconds. */
export interface EngineSpec {
  readonly name: string;
  /** Requests per model that run at once (S); more wait inside the engine. */
  readonly parallel: number;
  /** Models that fit at once; a further one evicts an idle one. */
  readonly maxLoaded: number;
  /** One prompt token; prompts of several jobs share the machine. */
  readonly prefillMs: number;
  /** One answer token of a job that runs alone. */
  readonly decodeMs: number;
  /** What each other job adds to an answer token. */
  readonly slowdownMs: number;
  readonly loadMs: number;
  /** Resident at the start. */
  readonly hot: readonly string[];
}

export interface EngineWork {
  readonly model: string;
  readonly promptTokens: number;
  readonly outputTokens: number;
  onFirstToken(): void;
  onEnd(figures: { readonly prefillMs: number; readonly decodeMs: number }): void;
}

interface Running {
  readonly work: EngineWork;
  readonly startedAt: number;
  promptLeft: number;
  outputLeft: number;
  firstTokenAt: number | undefined;
}

interface Resident {
  state: 'loading' | 'hot';
  lastUsedAt: number;
}

interface Load {
  readonly model: string;
  readonly done: (() => void)[];
}

/** Processor sharing: whenever a job starts or ends, all others go on at their new pace. */
export class SimEngine {
  readonly spec: EngineSpec;
  /** Told when a model's state changed. */
  onChange: () => void = () => {};
  readonly #clock: SimClock;
  readonly #running = new Set<Running>();
  readonly #waiting: EngineWork[] = [];
  readonly #resident = new Map<string, Resident>();
  /** Waiting for room, in order. */
  readonly #loads: Load[] = [];
  readonly #loading = new Map<string, Load>();
  #foreign: EngineWork[] = [];
  #advancedAt = 0;
  #cancelNext: () => void = () => {};
  #isFrozen = false;
  /** Sum over time of jobs that ran. */
  busyMs = 0;
  loadsDone = 0;
  /** Most jobs that ever waited inside, foreign ones left out. */
  mostWaiting = 0;

  constructor(clock: SimClock, spec: EngineSpec) {
    this.#clock = clock;
    this.spec = spec;
    for (const model of spec.hot) this.#resident.set(model, { state: 'hot', lastUsedAt: 0 });
  }

  state(model: string): ModelState {
    return this.#resident.get(model)?.state ?? 'cold';
  }

  runningOf(model: string): number {
    let count = 0;
    for (const running of this.#running) if (running.work.model === model) count++;
    return count;
  }

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Answer tokens so far; undefined: it does not run. */
  tokensOut(work: EngineWork): number | undefined {
    for (const running of this.#running)
      if (running.work === work) return Math.floor(work.outputTokens - running.outputLeft);
    return undefined;
  }

  start(work: EngineWork): void {
    this.advance();
    this.#waiting.push(work);
    this.#next();
    const own = this.#waiting.filter((waiting) => !this.#foreign.includes(waiting));
    this.mostWaiting = Math.max(this.mostWaiting, own.length);
  }

  /** The job is gone at once; `onEnd` is not called. */
  cancel(work: EngineWork): void {
    this.advance();
    const waitingAt = this.#waiting.indexOf(work);
    if (waitingAt >= 0) this.#waiting.splice(waitingAt, 1);
    for (const running of this.#running) if (running.work === work) this.#running.delete(running);
    this.#next();
  }

  /** `done` is called when the model is hot. */
  load(model: string, done: () => void): void {
    if (this.state(model) === 'hot') {
      done();
      return;
    }
    const load = this.#request(model);
    load.done.push(done);
    this.#next();
  }

  /** Takes an idle model out of memory. */
  unload(model: string): void {
    if (this.state(model) !== 'hot' || this.runningOf(model) > 0) return;
    this.#resident.delete(model);
    this.onChange();
    this.#next();
  }

  get foreignJobs(): number {
    return this.#foreign.length;
  }

  /** Somebody else fills every place of a model, or leaves again. */
  setForeign(model: string, isThere: boolean): void {
    const before = this.#foreign;
    this.#foreign = isThere ? Array.from({ length: this.spec.parallel }, () => toEndlessWork(model)) : [];
    for (const work of before) this.cancel(work);
    for (const work of this.#foreign) this.start(work);
    this.onChange();
  }

  /** Everything stands still, as under SIGSTOP. */
  freeze(isFrozen: boolean): void {
    this.advance();
    this.#isFrozen = isFrozen;
    this.#schedule();
  }

  /** The process died: all work and all models are gone. */
  crash(): void {
    this.advance();
    this.#running.clear();
    this.#waiting.length = 0;
    this.#loads.length = 0;
    this.#loading.clear();
    this.#resident.clear();
    this.#schedule();
  }

  /** Brings the tokens of running jobs up to now. */
  advance(): void {
    const elapsed = this.#clock.now() - this.#advancedAt;
    this.#advancedAt = this.#clock.now();
    if (elapsed <= 0 || this.#isFrozen) return;
    this.busyMs += elapsed * this.#running.size;
    const pace = this.#pace();
    for (const running of this.#running) {
      if (running.promptLeft > 0) running.promptLeft = Math.max(0, running.promptLeft - elapsed / pace.prefillMs);
      else running.outputLeft = Math.max(0, running.outputLeft - elapsed / pace.decodeMs);
    }
  }

  #pace(): { prefillMs: number; decodeMs: number } {
    let prefilling = 0;
    for (const running of this.#running) if (running.promptLeft > 0) prefilling++;
    const { prefillMs, decodeMs, slowdownMs } = this.spec;
    return {
      prefillMs: prefillMs * Math.max(1, prefilling),
      decodeMs: decodeMs + slowdownMs * Math.max(0, this.#running.size - 1),
    };
  }

  /** Starts what can start, and waits for the next step of what runs. */
  #next(justLoaded?: string): void {
    if (justLoaded === undefined) this.#makeRoom();
    for (let index = 0; index < this.#waiting.length; ) {
      const work = this.#waiting[index];
      if (work === undefined) break;
      const state = this.state(work.model);
      if (state === 'cold') this.#request(work.model);
      const mayStart = work.model === justLoaded || !this.#isMakingRoom;
      if (state !== 'hot' || !mayStart || this.runningOf(work.model) >= this.spec.parallel) {
        index++;
        continue;
      }
      this.#waiting.splice(index, 1);
      this.#touch(work.model);
      this.#running.add({
        work,
        startedAt: this.#clock.now(),
        promptLeft: work.promptTokens,
        outputLeft: work.outputTokens,
        firstTokenAt: undefined,
      });
    }
    if (justLoaded !== undefined) this.#makeRoom();
    this.#schedule();
  }

  /** While a model waits for another to be unloaded, nothing new starts: one loop serves all requests in turn. */
  get #isMakingRoom(): boolean {
    return this.#loads.length > 0;
  }

  #request(model: string): Load {
    const known = this.#loading.get(model) ?? this.#loads.find((load) => load.model === model);
    if (known !== undefined) return known;
    const load: Load = { model, done: [] };
    this.#loads.push(load);
    this.#makeRoom();
    return load;
  }

  /** Loads one after the other wait for room; only a model nobody uses is evicted. */
  #makeRoom(): void {
    for (let load = this.#loads[0]; load !== undefined; load = this.#loads[0]) {
      if (this.#resident.size >= this.spec.maxLoaded) {
        const idle = [...this.#resident]
          .filter(([model, { state }]) => state === 'hot' && this.runningOf(model) === 0)
          .toSorted(([, a], [, b]) => a.lastUsedAt - b.lastUsedAt)[0];
        if (idle === undefined) return;
        this.#resident.delete(idle[0]);
      }
      this.#loads.shift();
      this.#begin(load);
    }
  }

  #begin(load: Load): void {
    const resident: Resident = { state: 'loading', lastUsedAt: this.#clock.now() };
    this.#resident.set(load.model, resident);
    this.#loading.set(load.model, load);
    this.loadsDone++;
    this.#clock.schedule(this.spec.loadMs, () => {
      if (this.#loading.get(load.model) !== load) return;
      this.#loading.delete(load.model);
      this.advance();
      resident.state = 'hot';
      resident.lastUsedAt = this.#clock.now();
      this.onChange();
      for (const done of load.done) done();
      // Who waited for it comes first: else it could be evicted for the next model before it served anybody.
      this.#next(load.model);
    });
    this.onChange();
  }

  #touch(model: string): void {
    const resident = this.#resident.get(model);
    if (resident !== undefined) resident.lastUsedAt = this.#clock.now();
  }

  #schedule(): void {
    this.#cancelNext();
    if (this.#running.size === 0 || this.#isFrozen) return;
    const pace = this.#pace();
    let soonest = Number.POSITIVE_INFINITY;
    for (const running of this.#running) {
      const left = running.promptLeft > 0 ? running.promptLeft * pace.prefillMs : running.outputLeft * pace.decodeMs;
      soonest = Math.min(soonest, left);
    }
    this.#cancelNext = this.#clock.schedule(soonest, () => this.#step());
  }

  #step(): void {
    this.advance();
    const now = this.#clock.now();
    for (const running of [...this.#running]) {
      const { work } = running;
      if (running.promptLeft > nearlyNothing) continue;
      if (running.firstTokenAt === undefined) {
        running.promptLeft = 0;
        running.firstTokenAt = now;
        work.onFirstToken();
      }
      if (running.outputLeft > nearlyNothing) continue;
      this.#running.delete(running);
      this.#touch(work.model);
      work.onEnd({ prefillMs: running.firstTokenAt - running.startedAt, decodeMs: now - running.firstTokenAt });
    }
    this.#next();
  }
}

/** Tokens; sums of floating-point steps end near zero, not on it. */
const nearlyNothing = 1e-6;

function toEndlessWork(model: string): EngineWork {
  return { model, promptTokens: 1, outputTokens: 1e9, onFirstToken() {}, onEnd() {} };
}
