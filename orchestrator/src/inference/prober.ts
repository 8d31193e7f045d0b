import { type EndpointName, endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { Placed } from '../scheduling/held-job.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import type { ServedPlacement } from '../scheduling/served-placement.ts';
import { Attempt } from './attempt.ts';

/** A probe that says nothing for this long is a fault. */
const probeDeadlineMs = 10_000;
/** No lane is free, the model is cold, or the probe told nothing: looked at again after this. */
const retryMs = 500;

/**
 * Tries out a place that rested after faults with a one-token generation of our own, so that no user's request has to.
 * Cold models are not loaded for it: there one job of a user is let through.
 */
export class Prober {
  readonly #scheduler: Scheduler;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Places with a probe under way or to come. */
  readonly #pending = new Set<ServedPlacement>();
  #count = 0;

  constructor(deps: { readonly scheduler: Scheduler; readonly clock: Clock; readonly logger: Logger }) {
    this.#scheduler = deps.scheduler;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
  }

  /** Follows the breakers from now on. */
  start(): void {
    this.#scheduler.onProbeDue((placement) => this.#probe(placement));
  }

  #probe(placement: ServedPlacement): void {
    if (placement.breaker !== 'half-open' || placement.probing || this.#pending.has(placement)) return;
    // It may become hot by a job of a user, and is closed to all others until a probe has shown that it answers.
    const placed = placement.modelState === 'hot' ? this.#scheduler.reserve(placement, 1) : undefined;
    if (placed === undefined) {
      this.#probeLater(placement);
      if (placement.modelState !== 'hot') this.#scheduler.capacityChanged();
      return;
    }
    this.#pending.add(placement);
    const { header, body } = toProbe(placed, ++this.#count);
    const record = {
      node: placement.node,
      engineId: placement.engineId,
      model: placement.model,
      decision: placed.decision,
      boundMs: 0,
    };
    const attempt = new Attempt({ scheduler: this.#scheduler, now: () => this.#clock.now() }, placed, record, {
      batch: () => {},
      finished: () => {
        over();
        this.#logger.info('node-healed', { node: placement.node, model: placement.model });
      },
      failed: () => {
        over();
        this.#probeLater(placement);
      },
    });
    const stopDeadline = this.#clock.schedule(probeDeadlineMs, () => {
      over();
      attempt.fault();
      attempt.cancel('failed', 'the probe was not answered');
    });
    const over = () => {
      stopDeadline();
      this.#pending.delete(placement);
    };
    attempt.start(header, body);
  }

  /** One that told nothing, or could not be sent, is repeated; after a fault the breaker calls when it is time. */
  #probeLater(placement: ServedPlacement): void {
    this.#pending.add(placement);
    this.#clock.schedule(retryMs, () => {
      this.#pending.delete(placement);
      this.#probe(placement);
    });
  }
}

function toProbe({ placement, pins }: Placed, count: number): { header: JobHeader; body: Uint8Array } {
  const { dialect } = placement.served.engine.report;
  const isEmbedder =
    placement.capabilities?.includes('embedding') === true && !placement.capabilities.includes('completion');
  const kind = isEmbedder ? 'embedding' : 'generate';
  const endpoint = probeEndpoints[dialect][kind];
  const requestId = `probe-${count}`;
  const header: JobHeader = {
    jobId: requestId,
    attempt: 1,
    requestId,
    endpoint,
    engineId: placement.engineId,
    model: placement.model,
    answerModel: placement.model,
    stream: false,
    answer: 'native',
    priority: 'low',
    pins,
  };
  return { header, body: Buffer.from(JSON.stringify(toBody(endpoint, placement.model))) };
}

const probeEndpoints = {
  ollama: { generate: 'ollama.generate', embedding: 'ollama.embed' },
  openai: { generate: 'openai.chat', embedding: 'openai.embeddings' },
} as const;

function toBody(endpoint: EndpointName, model: string): object {
  if (endpoints[endpoint].kind === 'embedding') return { model, input: 'hi' };
  if (endpoint === 'ollama.generate') return { model, prompt: 'hi', stream: false, options: { num_predict: 1 } };
  return { model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 1 };
}
