import type { Timings, Usage } from '@waggle/shared/chat/chat-event.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Engine, EngineIdentity } from '../engine.ts';
import { type CancelledRun, EngineRun } from '../engine-run.ts';
import { EngineHttp } from '../transport/engine-http.ts';
import { runOllamaOperation } from './operations.ts';
import { PrefillPace } from './prefill-pace.ts';
import { OllamaResidency } from './residency.ts';
import { toOllamaJob } from './run.ts';
import { OllamaProbe, type OllamaSettings } from './survey.ts';

export interface OllamaEngineOptions {
  readonly engineId: string;
  /** Without `/api` and without a trailing slash. */
  readonly url: string;
  readonly apiKey?: string;
  readonly settings: OllamaSettings;
  readonly clock: Clock;
}

/** An Ollama, driven by `/api/*` alone: its `/v1` would drop num_ctx and keep_alive. */
export function createOllamaEngine({ engineId, url, apiKey, settings, clock }: OllamaEngineOptions): Engine {
  const { origin, pathname } = new URL(url);
  const pathPrefix = pathname === '/' ? '' : pathname;
  const http = new EngineHttp({ origin, apiKey, clock });
  const residency = new OllamaResidency(http, pathPrefix);
  /** Jobs by model. */
  const running = new Map<string, number>();
  const count = (model: string, change: number) => {
    const jobs = (running.get(model) ?? 0) + change;
    if (jobs > 0) running.set(model, jobs);
    else running.delete(model);
  };
  const inUse = () => running.keys();
  const probe = new OllamaProbe({ http, pathPrefix, settings, loading: residency.loading, inUse });
  const identity: EngineIdentity = { engineId, dialect: 'ollama', url };
  const pace = new PrefillPace();
  const prepare = (job: JobHeader, body: Uint8Array) => toOllamaJob(job, body, pathPrefix);
  const measured = (usage: Usage | undefined, timings: Timings) => pace.observe(usage, timings);
  const confirmStopped = async (run: CancelledRun) => {
    const restMs = pace.restMs(run, probe.version);
    if (restMs === undefined) return { estimated: false };
    await new Promise<void>((resolve) => clock.schedule(restMs, resolve));
    return { estimated: true };
  };
  return {
    identity,
    probe,
    models: {
      load: (command, signal) => residency.load(command, signal),
      unload: (command, signal) => residency.unload(command, signal),
      operate: (request, content, signal) => runOllamaOperation(http, pathPrefix, request, content, signal),
    },
    run(job, body, output) {
      count(job.model, 1);
      const connectionGone = () => count(job.model, -1);
      const run = new EngineRun({ http, clock, confirmStopped, measured, connectionGone }, job, output);
      return run.start(body, prepare);
    },
    nameCluster: (clusterId) => http.nameCluster(clusterId),
    lastSignOfLife: () => http.lastByteAt,
    close: () => http.close(),
  };
}
