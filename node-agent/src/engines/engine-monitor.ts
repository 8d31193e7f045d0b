import type { EngineHealth, EngineReport } from '@waggle/shared/cluster/node.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { Engine, EngineSurvey } from './engine.ts';
import { EngineProblem } from './engine-problem.ts';

export interface EngineMonitorDeps {
  readonly engine: Engine;
  /**
   * Most jobs of this node on the engine at once since this was last asked. An engine's own count may be seconds old: a job
   * that ended meanwhile is not to be taken for somebody else's.
   */
  readonly takeOwnPeak: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with every change of what is reported. */
  readonly changed: () => void;
}

const monitorTimes = {
  pingEveryMs: 1_000,
  /** Two of them without an answer are an engine that is down, within 5 s. */
  pingMaxMs: 1_500,
  surveyEveryMs: 5_000,
  surveyMaxMs: 10_000,
} as const;

/**
 * Follows one engine: a cheap question every second, everything every few seconds and whenever something was done to its
 * models. Down at once where nobody listens, after two unanswered questions otherwise; up again with the first answer.
 */
export class EngineMonitor {
  readonly engine: Engine;
  readonly #deps: EngineMonitorDeps;
  #health: EngineHealth = 'unknown';
  #problem: string | undefined;
  #survey: EngineSurvey | undefined;
  #foreignJobs: number | undefined;
  #missed = 0;
  #surveyedAt = Number.NEGATIVE_INFINITY;
  #surveying: Promise<void> | undefined;
  #surveyAgain = false;
  #isTicking = false;
  #shown = '';
  #cancelTimer = () => {};
  readonly #closing = new AbortController();

  constructor(deps: EngineMonitorDeps) {
    this.#deps = deps;
    this.engine = deps.engine;
  }

  get health(): EngineHealth {
    return this.#health;
  }

  /** Jobs the engine may be given, up or down; 0 until it was first asked. */
  get slots(): number {
    return this.#survey?.slots ?? 0;
  }

  /** Resolves when the engine was asked once, with whatever outcome. */
  async start(): Promise<void> {
    await this.refresh();
    this.#scheduleTick();
  }

  /** Asks for everything again, after what is being asked now. */
  refresh(): Promise<void> {
    if (this.#surveying !== undefined) {
      this.#surveyAgain = true;
      return this.#surveying;
    }
    this.#surveying = this.#surveyAll().finally(() => {
      this.#surveying = undefined;
    });
    return this.#surveying;
  }

  /** A job lost its connection to the engine: it is asked at once instead of within a second. */
  suspect(): void {
    if (this.#health === 'up' && !this.#isTicking) void this.#tick();
  }

  report(): EngineReport {
    const { identity } = this.engine;
    const survey = this.#survey;
    return {
      engineId: identity.engineId,
      kind: survey?.kind ?? (identity.dialect === 'ollama' ? 'ollama' : 'openai-compatible'),
      dialect: identity.dialect,
      url: identity.url,
      version: survey?.version ?? '',
      health: this.#health,
      problem: this.#problem,
      slots: survey?.slots ?? 0,
      models: survey?.models ?? [],
      foreignJobs: this.#foreignJobs,
    };
  }

  stop(): void {
    this.#closing.abort();
    this.#cancelTimer();
  }

  #scheduleTick(): void {
    if (this.#closing.signal.aborted) return;
    this.#cancelTimer = this.#deps.clock.schedule(monitorTimes.pingEveryMs, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    this.#cancelTimer();
    this.#isTicking = true;
    const wasUp = this.#health === 'up';
    if (wasUp) await this.#ask(monitorTimes.pingMaxMs, (signal) => this.engine.probe.ping(signal));
    // One that is silent is not asked for everything: that may take long, and it would be found to be down only then.
    const isDue = this.#missed === 0 && this.#deps.clock.now() - this.#surveyedAt >= monitorTimes.surveyEveryMs;
    if (!wasUp || isDue) await this.refresh();
    this.#isTicking = false;
    this.#scheduleTick();
  }

  async #surveyAll(): Promise<void> {
    do {
      this.#surveyAgain = false;
      await this.#ask(this.#health === 'up' ? monitorTimes.surveyMaxMs : monitorTimes.pingMaxMs, async (signal) => {
        this.#survey = await this.engine.probe.survey(signal);
        const { runningJobs } = this.#survey;
        const own = this.#deps.takeOwnPeak();
        this.#foreignJobs = runningJobs === undefined ? undefined : Math.max(0, runningJobs - own);
        this.#surveyedAt = this.#deps.clock.now();
      });
    } while (this.#surveyAgain);
  }

  async #ask(maxMs: number, question: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { clock } = this.#deps;
    const askedAt = clock.now();
    const deadline = new AbortController();
    const cancel = clock.schedule(maxMs, () => deadline.abort());
    try {
      await question(AbortSignal.any([deadline.signal, this.#closing.signal]));
      this.#answered();
    } catch (thrown) {
      this.#missedOne(thrown, askedAt);
    } finally {
      cancel();
    }
    this.#showChange();
  }

  #answered(): void {
    this.#missed = 0;
    this.#problem = this.#survey?.problem;
    if (this.#survey !== undefined) this.#become('up');
  }

  #missedOne(thrown: unknown, askedAt: number): void {
    if (this.#closing.signal.aborted) return;
    const problem = thrown instanceof EngineProblem ? thrown : new EngineProblem('no-answer', String(thrown));
    // Busy, not gone: it sends what jobs asked for.
    if (problem.kind === 'no-answer' && this.engine.lastSignOfLife() >= askedAt) return;
    this.#missed++;
    if (problem.kind === 'no-answer' && this.#health === 'up' && this.#missed < 2) return;
    this.#problem = problem.message;
    this.#become('down');
  }

  #become(health: EngineHealth): void {
    if (this.#health === health) return;
    const { engineId, url } = this.engine.identity;
    const facts = { engineId, url, problem: this.#problem };
    if (health === 'up') this.#deps.logger.info('engine-up', facts);
    else this.#deps.logger.warn('engine-down', facts);
    this.#health = health;
  }

  #showChange(): void {
    if (this.#closing.signal.aborted) return;
    const shown = JSON.stringify(this.report());
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#deps.changed();
  }
}
