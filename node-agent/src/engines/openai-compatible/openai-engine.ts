import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Engine, EngineIdentity, SlotSettings } from '../engine.ts';
import { EngineRun } from '../engine-run.ts';
import { EngineHttp } from '../transport/engine-http.ts';
import { StopConfirmation } from './confirm-stopped.ts';
import { runOpenAiOperation } from './operations.ts';
import { toServerPaths } from './paths.ts';
import { refuseOverlooked } from './refuse-overlooked.ts';
import { OpenAiResidency } from './residency.ts';
import { toOpenAiJob } from './run.ts';
import { countRunning } from './running-jobs.ts';
import { OpenAiProbe } from './survey.ts';

export interface OpenAiEngineOptions {
  readonly engineId: string;
  /** With its `/v1`, without a trailing slash. */
  readonly url: string;
  readonly apiKey?: string;
  readonly settings: SlotSettings;
  readonly clock: Clock;
}

/** vLLM, llama-server, LM Studio, llama-swap, or whatever else speaks OpenAI's dialect. */
export function createOpenAiEngine({ engineId, url, apiKey, settings, clock }: OpenAiEngineOptions): Engine {
  const paths = toServerPaths(url);
  const http = new EngineHttp({ origin: paths.origin, apiKey, clock });
  const residency = new OpenAiResidency(http, paths, () => probe.kind);
  const probe: OpenAiProbe = new OpenAiProbe({ http, paths, settings, loading: residency.loading });
  const identity: EngineIdentity = { engineId, dialect: 'openai', url };
  let models: readonly ModelReport[] = [];
  let ownRunning = 0;
  let foreignRunning = 0;
  const stops = new StopConfirmation({
    count: async () => {
      const { kind } = probe;
      return kind === undefined ? undefined : countRunning(http, paths, kind, AbortSignal.timeout(countMaxMs));
    },
    expected: () => ownRunning + foreignRunning,
    clock,
  });
  const prepare = (job: JobHeader, body: Uint8Array) => {
    refuseOverlooked(job, body, probe.kind);
    return toOpenAiJob(job, body, { paths, kind: probe.kind });
  };
  const confirmStopped = () => stops.wait();
  const connectionGone = () => {
    ownRunning--;
  };
  return {
    identity,
    probe: {
      ping: (signal) => probe.ping(signal),
      survey: async (signal) => {
        const ownBefore = ownRunning;
        const survey = await probe.survey(signal);
        models = survey.models;
        foreignRunning = Math.max(0, (survey.runningJobs ?? 0) - Math.max(ownBefore, ownRunning));
        return survey;
      },
    },
    models: {
      load: (command, signal) => residency.load(command, signal),
      unload: (command, signal) => residency.unload(command, signal),
      operate: (request) => runOpenAiOperation(request, models, probe.kind ?? 'this server'),
    },
    run(job, body, output) {
      ownRunning++;
      const run = new EngineRun({ http, clock, confirmStopped, connectionGone }, job, output);
      return run.start(body, prepare);
    },
    nameCluster: (clusterId) => http.nameCluster(clusterId),
    lastSignOfLife: () => http.lastByteAt,
    close: () => http.close(),
  };
}

const countMaxMs = 2_000;
