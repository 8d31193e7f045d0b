import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { JobOutput, RunningJob } from '@waggle/shared/lane-link/node-host.ts';
import type { Engine, EngineSurvey } from '../engines/engine.ts';

/** An engine without a server: answers what it is told to, and keeps what it was asked. */
export class ScriptedEngine implements Engine {
  readonly identity: Engine['identity'];
  readonly asked: string[] = [];
  readonly jobs: ScriptedJob[] = [];
  /** What a question ends in; set it to let it fail. */
  problem: Error | undefined;
  /** Questions hang until their signal aborts. */
  isSilent = false;
  signOfLife = 0;
  slots = 2;
  runningJobs: number | undefined;
  reported: readonly ModelReport[] = [];
  closed = false;

  constructor({ engineId = 'e1' } = {}) {
    this.identity = { engineId, dialect: 'ollama', url: 'http://127.0.0.1:11434' };
  }

  readonly probe = {
    ping: (signal: AbortSignal) => this.#answer('ping', signal),
    survey: async (signal: AbortSignal): Promise<EngineSurvey> => {
      await this.#answer('survey', signal);
      return {
        kind: 'ollama',
        version: '1.0',
        slots: this.slots,
        models: this.reported,
        runningJobs: this.runningJobs,
      };
    },
  };

  readonly models: Engine['models'] = {
    load: async ({ model }) => void this.asked.push(`load ${model}`),
    unload: async ({ model }) => void this.asked.push(`unload ${model}`),
    operate: (request, _content, signal) => this.#operate(request.name, signal),
  };

  run(job: JobHeader, body: Uint8Array, output: JobOutput): RunningJob {
    const scripted = new ScriptedJob(job, body, output);
    this.jobs.push(scripted);
    return scripted;
  }

  nameCluster(clusterId: string): void {
    this.asked.push(`named ${clusterId}`);
  }

  lastSignOfLife(): number {
    return this.signOfLife;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  async *#operate(name: string, signal: AbortSignal) {
    await this.#answer(name, signal);
    yield { type: 'end' } as const;
  }

  async #answer(question: string, signal: AbortSignal): Promise<void> {
    this.asked.push(question);
    if (this.isSilent) {
      await new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(this.problem ?? signal.reason), { once: true });
      });
    }
    if (this.problem !== undefined) throw this.problem;
  }
}

export class ScriptedJob implements RunningJob {
  readonly header: JobHeader;
  readonly body: Uint8Array;
  readonly output: JobOutput;
  isCancelled = false;
  resumed = 0;

  constructor(header: JobHeader, body: Uint8Array, output: JobOutput) {
    this.header = header;
    this.body = body;
    this.output = output;
  }

  cancel(): void {
    this.isCancelled = true;
  }

  resume(): void {
    this.resumed++;
  }
}
