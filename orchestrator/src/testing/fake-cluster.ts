import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { Hardware, NodeReport } from '@waggle/shared/cluster/node.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { toModelKey } from '../cluster/model-names.ts';
import { type ModelSetting, ModelSettings, noSetting } from '../cluster/model-settings.ts';
import { NodeRegistry } from '../cluster/node-registry.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import { Scheduler } from '../scheduling/scheduler.ts';
import type { SchedulerLimits } from '../scheduling/scheduler-limits.ts';
import type { ServedPlacement } from '../scheduling/served-placement.ts';
import { FakeLane, FakeLink } from './fake-link.ts';
import { toEngineReport, toHardware, toModelReport, toNodeReport } from './reports.ts';

const roomyLimits: SchedulerLimits = {
  queueSize: 512,
  heldBytes: 1e9,
  concurrency: undefined,
  modelLoadMaxMs: 60_000,
};

/** A registry and a scheduler on a clock that is moved by hand, with nodes the test plays. */
export class FakeCluster {
  readonly clock = new HandClock();
  readonly registry = new NodeRegistry({ clock: this.clock, logger: silentLogger });
  readonly settings = new ModelSettings();
  readonly scheduler: Scheduler;
  #laneId = 0;

  constructor(limits: Partial<SchedulerLimits> = {}) {
    this.scheduler = new Scheduler({
      registry: this.registry,
      limits: { ...roomyLimits, ...limits },
      settings: this.settings,
      clock: this.clock,
      logger: silentLogger,
    });
  }

  /** What its operator wants of a model from now on, and of no other. */
  want(model: string, setting: Partial<ModelSetting>): void {
    this.settings.replace({ [model]: { ...noSetting, ...setting } });
  }

  join(name: string, facts: NodeFacts = {}): FakeNode {
    const { lanes = 1, models = [{}], hardware = {}, epoch = 1 } = facts;
    return new FakeNode(this.registry, new FakeLink(name, epoch), () => ++this.#laneId, { lanes, models, hardware });
  }

  served(node: string, model = 'llama3.2'): ServedModel {
    const served = this.registry.places(toModelKey(model)).find((place) => place.engine.node.name === node);
    if (served === undefined) throw new Error(`${node} does not serve ${model}`);
    return served;
  }

  placement(node: string, model?: string): ServedPlacement {
    return this.scheduler.placement(this.served(node, model));
  }
}

export interface NodeFacts {
  readonly lanes?: number;
  readonly models?: readonly Partial<ModelReport>[];
  readonly hardware?: Partial<Hardware>;
  readonly epoch?: number;
}

/** One node with one engine. */
export class FakeNode {
  readonly link: FakeLink;
  readonly lanes: FakeLane[] = [];
  readonly #registry: NodeRegistry;
  readonly #nextLaneId: () => number;
  #models: readonly Partial<ModelReport>[];
  readonly #hardware: Partial<Hardware>;
  #sequence = 0;

  constructor(
    registry: NodeRegistry,
    link: FakeLink,
    nextLaneId: () => number,
    facts: Required<Omit<NodeFacts, 'epoch'>>,
  ) {
    this.#registry = registry;
    this.#nextLaneId = nextLaneId;
    this.#models = facts.models;
    this.#hardware = facts.hardware;
    this.link = link;
    const refusal = registry.joined(link, this.#toReport());
    if (refusal !== undefined) throw new Error(refusal.message);
    for (let count = 0; count < facts.lanes; count++) this.openLane();
  }

  openLane(): FakeLane {
    const lane = new FakeLane(this.#nextLaneId(), 'ollama');
    this.lanes.push(lane);
    this.#registry.laneOpened(this.link, lane);
    return lane;
  }

  /** As a link does it: the job hears of it first. */
  closeLane(lane: FakeLane): void {
    this.lanes.splice(this.lanes.indexOf(lane), 1);
    if (lane.isBusy) lane.lose();
    this.#registry.laneClosed(this.link, lane);
  }

  report(models: readonly Partial<ModelReport>[], facts: Partial<NodeReport> = {}): void {
    this.#models = models;
    this.#registry.reported(this.link, this.#toReport(facts));
  }

  /** The engine is up or refuses connections. */
  reportHealth(health: 'up' | 'down'): void {
    const engines = [toEngineReport({ health, models: this.#models.map((model) => toModelReport(model)) })];
    this.#registry.reported(this.link, this.#toReport({ engines }));
  }

  suspect(): void {
    this.#registry.suspected(this.link);
  }

  recover(): void {
    this.#registry.recovered(this.link);
  }

  /** As a link does it: every job is told, then the lanes close, then the node is gone. */
  leave(): void {
    for (const lane of [...this.lanes]) this.closeLane(lane);
    this.#registry.left(this.link, 'gone');
  }

  /** The lanes that have a job, the one bound last at the end. */
  get busy(): readonly FakeLane[] {
    return this.lanes.filter((lane) => lane.isBusy);
  }

  /** The only lane with a job. */
  get busyLane(): FakeLane {
    const [lane, another] = this.busy;
    if (lane === undefined || another !== undefined) throw new Error(`${this.busy.length} lanes are busy, not 1`);
    return lane;
  }

  #toReport(facts: Partial<NodeReport> = {}): NodeReport {
    return toNodeReport({
      sequence: ++this.#sequence,
      hardware: toHardware(this.#hardware),
      engines: [toEngineReport({ slots: 64, models: this.#models.map((model) => toModelReport(model)) })],
      ...facts,
    });
  }
}
