import type { JobPins } from '@waggle/shared/cluster/job.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { doesNotFit, fits, type LoadPlan, planLoad } from './memory/plan-load.ts';
import { chooseThreads } from './memory/threads.ts';
import type { StoredModel } from './models/model-store.ts';
import type { ModelFacts } from './process/model-facts.ts';
import { ModelProcess } from './process/model-process.ts';

/** What operators decided. */
export interface ResidencySettings {
  /** Sequences of a model, where somebody decided. */
  readonly slots?: number | undefined;
  /** Otherwise as many as memory has room for, up to this. */
  readonly mostSlots: number;
  readonly maxLoadedModels: number;
  readonly defaultNumCtx: number;
}

export interface ResidentsDeps {
  readonly settings: ResidencySettings;
  /** @throws ClusterError in words where the file cannot be read */
  readonly factsOf: (model: StoredModel) => Promise<ModelFacts>;
  /** Memory that can be had now. */
  readonly availableBytes: () => number;
  readonly clock: Clock;
  /** Told of processes that end by themselves: what ran on them may not show it. */
  readonly logger?: Logger | undefined;
  /** Something is loaded, on its way, or gone. */
  readonly changed: () => void;
}

/** A model in memory, or on its way there. */
export interface Resident {
  readonly path: string;
  /** The name it was loaded by. */
  readonly name: string;
  readonly plan: LoadPlan;
  readonly state: 'loading' | 'hot' | 'ending';
  readonly process: ModelProcess | undefined;
  /** Milliseconds since 1970, if nothing uses it from now on; undefined: it stays. */
  readonly expiresAt: number | undefined;
}

/** A model that is in use until it is given back. */
export interface ModelLease {
  readonly process: ModelProcess;
  /** What was waited for it, in milliseconds. */
  readonly loadMs: number;
  giveBack(): void;
}

interface Entry {
  path: string;
  name: string;
  plan: LoadPlan;
  state: 'loading' | 'hot' | 'ending';
  process: ModelProcess | undefined;
  expiresAt: number | undefined;
  users: number;
  lastUsed: number;
  /** Seconds it stays when nothing uses it any more. */
  keepAlive: number;
  /** Whoever waits for a larger context; nobody new is let in before it. */
  isOutgrown: boolean;
  cancelExpiry: () => void;
  /** Settles with the load. */
  loading: Promise<void>;
}

const defaultKeepAliveSeconds = 300;
const longestTimerMs = 2 ** 31 - 1;

/** Which models are in memory: the one owner of that, of how long they stay, and of who makes room for whom. */
export class Residents {
  readonly #deps: ResidentsDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new AbortController();
  /** Sequences that were said of a model, by its file. */
  readonly #slots = new Map<string, number>();
  #waiting: (() => void)[] = [];

  constructor(deps: ResidentsDeps) {
    this.#deps = deps;
  }

  find(path: string): Resident | undefined {
    return this.#entries.get(path);
  }

  /**
   * How the model would be loaded now. Its sequences stay as many as they were when this was first asked: whoever sends it work counts
   * on them.
   */
  plan(model: StoredModel, facts: ModelFacts, numCtx: number | undefined): LoadPlan {
    const { slots = this.#slots.get(model.path), mostSlots, defaultNumCtx } = this.#deps.settings;
    const spare = this.#spareBytes([...this.#entries.values()]);
    const plan = planLoad(facts, { numCtx, slots, mostSlots, defaultNumCtx }, spare);
    this.#slots.set(model.path, plan.slots);
    return plan;
  }

  /**
   * The model, in memory, with at least the wished context. Whoever gives up waiting does not stop the load: the next may want it.
   *
   * @throws ClusterError why it cannot be loaded, or the reason of `signal`
   */
  async use(model: StoredModel, pins: JobPins, signal: AbortSignal): Promise<ModelLease> {
    const { clock } = this.#deps;
    const begunAt = clock.now();
    for (;;) {
      signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      const entry = this.#entries.get(model.path);
      if (entry === undefined) {
        await this.#orAborted(this.#load(model, pins), signal);
      } else if (entry.state === 'loading') {
        await this.#orAborted(entry.loading, signal);
      } else if (entry.state !== 'hot' || entry.process === undefined || entry.isOutgrown) {
        await this.#orAborted(this.#change(), signal);
      } else if (isTooSmall(entry, pins)) {
        entry.isOutgrown = true;
        if (entry.users === 0) void this.#end(entry);
      } else {
        return this.#lease(entry, entry.process, pins, clock.now() - begunAt);
      }
    }
  }

  /** Takes it out of memory, once nothing runs on it. */
  async unload(path: string): Promise<void> {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    entry.keepAlive = 0;
    if (entry.users === 0 && entry.state === 'hot') await this.#end(entry);
  }

  /** Ends everything at once; what runs fails. */
  async close(): Promise<void> {
    this.#closing.abort(new ClusterError('draining', 'the node is closing'));
    await Promise.all([...this.#entries.values()].map((entry) => this.#end(entry)));
  }

  #lease(entry: Entry, process: ModelProcess, { keepAliveSeconds }: JobPins, loadMs: number): ModelLease {
    entry.users++;
    entry.cancelExpiry();
    if (keepAliveSeconds !== undefined) entry.keepAlive = keepAliveSeconds;
    entry.expiresAt = toExpiry(entry.keepAlive);
    let isBack = false;
    return {
      process,
      loadMs,
      giveBack: () => {
        if (isBack) return;
        isBack = true;
        entry.users--;
        entry.lastUsed = this.#deps.clock.now();
        this.#settle(entry);
      },
    };
  }

  /** Nothing uses it, perhaps: then its time begins, or is over. */
  #settle(entry: Entry): void {
    if (entry.users > 0 || entry.state !== 'hot') return;
    const { keepAlive } = entry;
    entry.cancelExpiry();
    // Not worth a report after every job: when it will go is looked at every few seconds.
    this.#wake();
    if (entry.isOutgrown || keepAlive === 0) return void this.#end(entry);
    if (keepAlive < 0) return;
    entry.expiresAt = toExpiry(keepAlive);
    this.#scheduleExpiry(entry, keepAlive * 1_000);
  }

  #scheduleExpiry(entry: Entry, leftMs: number): void {
    entry.cancelExpiry = this.#deps.clock.schedule(Math.min(leftMs, longestTimerMs), () => {
      if (leftMs > longestTimerMs) this.#scheduleExpiry(entry, leftMs - longestTimerMs);
      else void this.#end(entry);
    });
  }

  async #load(model: StoredModel, pins: JobPins): Promise<void> {
    const facts = await this.#deps.factsOf(model);
    // Somebody else may have begun meanwhile.
    if (this.#entries.has(model.path)) return;
    const plan = await this.#makeRoom(model, facts, pins.numCtx);
    if (plan === undefined || this.#entries.has(model.path)) return;
    const entry: Entry = {
      path: model.path,
      name: model.name,
      plan,
      state: 'loading',
      process: undefined,
      expiresAt: undefined,
      users: 0,
      lastUsed: this.#deps.clock.now(),
      keepAlive: pins.keepAliveSeconds ?? defaultKeepAliveSeconds,
      isOutgrown: false,
      cancelExpiry: () => {},
      loading: Promise.resolve(),
    };
    this.#entries.set(model.path, entry);
    this.#changed();
    entry.loading = this.#start(entry, facts);
    await entry.loading;
  }

  async #start(entry: Entry, facts: ModelFacts): Promise<void> {
    const { path, plan } = entry;
    const { numCtx, slots } = plan;
    const embeds = facts.capabilities.includes('embedding');
    const order = { path, numCtx, slots, threads: chooseThreads(facts.weightsBytes), embeds };
    try {
      const process = await ModelProcess.load(order, this.#closing.signal, this.#deps.clock);
      entry.process = process;
      entry.state = 'hot';
      void process.exited.then((how) => {
        if (entry.state !== 'ending') this.#deps.logger?.warn('model-process-died', { model: entry.name, how });
        this.#forget(entry);
      });
      // It may have been asked for by a load alone.
      this.#settle(entry);
      this.#changed();
    } catch (thrown) {
      this.#forget(entry);
      throw thrown;
    }
  }

  /**
   * Sends away those that are used least recently until the model has room. Undefined: things changed meanwhile, ask again.
   *
   * @throws ClusterError where it will not fit whoever leaves
   */
  async #makeRoom(model: StoredModel, facts: ModelFacts, numCtx: number | undefined): Promise<LoadPlan | undefined> {
    const { settings } = this.#deps;
    const held = [...this.#entries.values()];
    const available = this.#spareBytes(held);
    const plan = this.plan(model, facts, numCtx);
    if (held.length < settings.maxLoadedModels && fits(plan, available)) return plan;
    const heldBytes = held.reduce((sum, { plan: { bytes } }) => sum + bytes, 0);
    if (!fits(plan, available + heldBytes)) {
      if (settings.slots === undefined && plan.slots > 1) {
        this.#slots.set(model.path, plan.slots - 1);
        return undefined;
      }
      const message = doesNotFit(model.name, plan, available + heldBytes);
      throw new ClusterError('engine-failed', message, { details: { engineStatus: 500, engineMessage: message } });
    }
    const idle = held.filter(({ users, state }) => users === 0 && state === 'hot');
    const [oldest] = idle.toSorted((a, b) => a.lastUsed - b.lastUsed);
    if (oldest === undefined) await this.#change();
    else await this.#end(oldest);
    return undefined;
  }

  /** Mapped weights count as memory that can be had, as long as nobody needs it; what is being loaded has not taken its own yet. */
  #spareBytes(held: readonly Entry[]): number {
    const taken = held.reduce(
      (sum, { state, plan }) => sum + (state === 'loading' ? plan.bytes : plan.weightsBytes),
      0,
    );
    return this.#deps.availableBytes() - taken;
  }

  async #end(entry: Entry): Promise<void> {
    if (entry.state === 'ending') return;
    entry.cancelExpiry();
    if (entry.process === undefined) return;
    entry.state = 'ending';
    this.#changed();
    await entry.process.end();
    this.#forget(entry);
  }

  #forget(entry: Entry): void {
    entry.cancelExpiry();
    if (this.#entries.get(entry.path) === entry) this.#entries.delete(entry.path);
    this.#changed();
  }

  #changed(): void {
    this.#wake();
    this.#deps.changed();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves or rejects as `work` does, or rejects when somebody gives up; the work goes on. */
  async #orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
    const both = AbortSignal.any([signal, this.#closing.signal]);
    const aborted = Promise.withResolvers<void>();
    const abort = () => aborted.reject(both.reason);
    both.addEventListener('abort', abort, { once: true });
    // Nobody waits for the one that comes second.
    work.catch(() => {});
    try {
      if (both.aborted) abort();
      await Promise.race([work, aborted.promise]);
    } finally {
      both.removeEventListener('abort', abort);
    }
  }
}

function toExpiry(keepAliveSeconds: number): number | undefined {
  return keepAliveSeconds < 0 ? undefined : Date.now() + keepAliveSeconds * 1_000;
}

function isTooSmall({ plan }: Entry, { numCtx }: JobPins): boolean {
  return numCtx !== undefined && Math.min(numCtx, plan.mostCtx) > plan.numCtx;
}
