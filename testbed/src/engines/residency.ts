import type { Residence } from './ask.ts';
import { CoreRefusal } from './core-refusal.ts';
import { epochMs, pause } from './pause.ts';
import type { CompiledModel } from './scripted-model.ts';
import { SlotPool } from './slot-pool.ts';

export interface ResidencyOptions {
  readonly maxLoaded: number;
  /** Requests that may wait for a load before more are refused as `busy`. */
  readonly maxQueue: number;
  readonly defaultNumCtx: number;
  readonly keepAliveMs: number;
}

/** A model that is in memory, or on its way there. */
export interface Resident {
  readonly model: CompiledModel;
  readonly numCtx: number;
  readonly runner: string;
  readonly slots: SlotPool;
  loading: boolean;
  /** Requests that hold it. It is never unloaded under them. */
  users: number;
  lastUsedAt: number;
  /** Milliseconds since 1970; Infinity: stays. */
  expiresAt: number;
  /** It was told to go, and goes when its last user has finished; a new user takes that back. */
  goes: boolean;
}

interface Pending {
  readonly model: CompiledModel;
  readonly numCtx: number;
  readonly runner: string;
  readonly resolve: (resident: Resident) => void;
}

/**
 * Which models are loaded. As in Ollama: a request whose model is loaded as it wants it goes straight on; all others
 * wait in one line, whose head makes room, loads, or blocks the line until a model it needs gone is idle.
 */
export class Residency {
  readonly #options: ResidencyOptions;
  readonly #changed: () => void;
  readonly #residents = new Map<string, Resident>();
  readonly #leaving = new Set<Resident>();
  readonly #pending: Pending[] = [];
  /** Requests that wait for a load that has begun. */
  readonly #joined = new Map<Resident, Pending[]>();
  readonly #loads = new Map<Resident, AbortController>();
  /** Loads that were done, per model. */
  readonly loadCounts = new Map<string, number>();

  constructor(options: ResidencyOptions, changed: () => void) {
    this.#options = options;
    this.#changed = changed;
  }

  /** What `/api/ps` lists: ready models, and those told to go that still are there. */
  list(): readonly Resident[] {
    this.#expire();
    return [...this.#residents.values(), ...this.#leaving].filter((resident) => !resident.loading);
  }

  find(name: string): Resident | undefined {
    this.#expire();
    const resident = this.#residents.get(name);
    return resident?.loading === true ? undefined : resident;
  }

  isLoading(name: string): boolean {
    return this.#residents.get(name)?.loading === true;
  }

  /** Requests that wait for a model to be loaded. */
  get waiting(): number {
    let waiting = this.#pending.length;
    for (const joined of this.#joined.values()) waiting += joined.length;
    return waiting;
  }

  /** The context the model is loaded with when `wished` is asked for. */
  contextOf(model: CompiledModel, wished: number | undefined): number {
    return Math.min(wished ?? model.numCtx ?? this.#options.defaultNumCtx, model.contextLength);
  }

  /** The model, loaded as asked for; the caller must release it. Rejects with `busy` or `gone`. */
  acquire(model: CompiledModel, residence: Residence, signal: () => AbortSignal): Resident | Promise<Resident> {
    this.#expire();
    const { runner } = residence;
    const numCtx = this.contextOf(model, residence.numCtx);
    const resident = this.#residents.get(model.name);
    if (resident !== undefined && !resident.loading && resident.numCtx === numCtx && resident.runner === runner) {
      return hold(resident);
    }
    return this.#wait({ model, numCtx, runner }, signal());
  }

  release(resident: Resident, keepAliveMs: number | undefined): void {
    resident.users--;
    resident.lastUsedAt = epochMs();
    if (resident.goes) this.#unload(resident);
    else this.keep(resident, keepAliveMs);
    this.#schedule();
  }

  /** Sets how long the model stays from now on. */
  keep(resident: Resident, keepAliveMs: number | undefined): void {
    const ms = keepAliveMs ?? this.#options.keepAliveMs;
    if (ms <= 0) this.#unload(resident);
    else resident.expiresAt = epochMs() + ms;
  }

  unload(name: string): void {
    const resident = this.#residents.get(name);
    if (resident !== undefined) this.#unload(resident);
    this.#schedule();
  }

  /** In memory from the start, without a load. */
  preload(model: CompiledModel): void {
    const resident = this.#add({ model, numCtx: this.contextOf(model, undefined), runner: '' });
    resident.loading = false;
    resident.expiresAt = Number.POSITIVE_INFINITY;
  }

  #wait(wish: Omit<Pending, 'resolve'>, signal: AbortSignal): Promise<Resident> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(new CoreRefusal('gone'));
        return;
      }
      // One is being served, the queue holds the others.
      if (this.waiting > this.#options.maxQueue) {
        reject(new CoreRefusal('busy'));
        return;
      }
      const leave = () => {
        this.#withdraw(pending);
        reject(new CoreRefusal('gone'));
        this.#schedule();
      };
      const pending: Pending = {
        ...wish,
        resolve: (resident) => {
          signal.removeEventListener('abort', leave);
          resolve(resident);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#pending.push(pending);
      this.#schedule();
    });
  }

  #schedule(): void {
    for (let head = this.#pending[0]; head !== undefined; head = this.#pending[0]) {
      if (!this.#serve(head)) break;
      this.#pending.shift();
    }
    this.#changed();
  }

  /** False: the head must wait, and everybody behind it. */
  #serve(head: Pending): boolean {
    const { model, numCtx, runner } = head;
    const resident = this.#residents.get(model.name);
    if (resident !== undefined) {
      if (resident.numCtx === numCtx && resident.runner === runner) {
        if (resident.loading) this.#joined.get(resident)?.push(head);
        else head.resolve(hold(resident));
        return true;
      }
      if (resident.loading || resident.users > 0) return false;
      this.#remove(resident);
    } else if (this.#residents.size >= this.#options.maxLoaded) {
      const victim = this.#leastRecentlyUsed();
      if (victim === undefined) return false;
      this.#remove(victim);
    }
    this.#load(this.#add(head), head);
    return true;
  }

  #load(resident: Resident, first: Pending): void {
    const joined = [first];
    const abandoned = new AbortController();
    this.#joined.set(resident, joined);
    this.#loads.set(resident, abandoned);
    const done = () => {
      this.#joined.delete(resident);
      this.#loads.delete(resident);
      resident.loading = false;
      const { name } = resident.model;
      this.loadCounts.set(name, (this.loadCounts.get(name) ?? 0) + 1);
      for (const pending of joined) pending.resolve(hold(resident));
    };
    if (resident.model.loadMs <= 0) {
      done();
      return;
    }
    void pause(resident.model.loadMs, abandoned.signal).then(() => {
      if (abandoned.signal.aborted) return;
      done();
      this.#schedule();
    });
  }

  /** A request that left. The load it alone waited for is given up. */
  #withdraw(pending: Pending): void {
    if (remove(this.#pending, pending)) return;
    for (const [resident, joined] of this.#joined) {
      if (!remove(joined, pending) || joined.length > 0) continue;
      this.#joined.delete(resident);
      this.#loads.get(resident)?.abort();
      this.#loads.delete(resident);
      this.#residents.delete(resident.model.name);
    }
  }

  #add(wish: Omit<Pending, 'resolve'>): Resident {
    const { model, numCtx, runner } = wish;
    const slots = new SlotPool(model.slots, this.#changed);
    const now = epochMs();
    const resident: Resident = {
      model,
      numCtx,
      runner,
      slots,
      loading: true,
      users: 0,
      lastUsedAt: now,
      expiresAt: now + this.#options.keepAliveMs,
      goes: false,
    };
    this.#residents.set(model.name, resident);
    return resident;
  }

  #unload(resident: Resident): void {
    resident.goes = true;
    if (resident.users === 0 && !resident.loading) this.#remove(resident);
  }

  #remove(resident: Resident): void {
    this.#residents.delete(resident.model.name);
    if (resident.model.unloadMs <= 0) return;
    resident.expiresAt = epochMs();
    this.#leaving.add(resident);
    const timer = setTimeout(() => {
      this.#leaving.delete(resident);
      this.#changed();
    }, resident.model.unloadMs);
    timer.unref();
  }

  #leastRecentlyUsed(): Resident | undefined {
    let victim: Resident | undefined;
    for (const resident of this.#residents.values()) {
      if (resident.loading || resident.users > 0) continue;
      if (victim === undefined || resident.lastUsedAt < victim.lastUsedAt) victim = resident;
    }
    return victim;
  }

  /** Looked at when somebody asks, so that no timer is needed. */
  #expire(): void {
    const now = epochMs();
    for (const resident of this.#residents.values()) {
      if (!resident.loading && resident.users === 0 && resident.expiresAt <= now) this.#remove(resident);
    }
  }
}

function hold(resident: Resident): Resident {
  resident.users++;
  resident.goes = false;
  return resident;
}

function remove(list: Pending[], pending: Pending): boolean {
  const at = list.indexOf(pending);
  if (at < 0) return false;
  list.splice(at, 1);
  return true;
}
