import { enableCompileCache } from 'node:module';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import { createBoundedLogger } from '@waggle/shared/observing/bounded-logger.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { endOnSignal } from '@waggle/shared/process/end-on-signal.ts';
import { outliveReaders } from '@waggle/shared/process/outlive-readers.ts';
import { type Activity, releaseWhenIdle } from '@waggle/shared/process/release-when-idle.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { Agent } from './agent.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { processInputs } from './config/process-inputs.ts';
import { readAgentConfig } from './config/read-agent-config.ts';
import { createLazySink } from './logging/lazy-sink.ts';
import { LogBuffer } from './logging/log-buffer.ts';

try {
  const outcome = readAgentConfig(processInputs());
  if (outcome.kind === 'run') await run(outcome.config);
  else if (outcome.kind === 'check') process.stdout.write('Nothing wrong.\n');
  else process.stdout.write(outcome.kind === 'help' ? outcome.text : `${packageJson.version}\n`);
} catch (thrown) {
  // What a person can mend gets one sentence and no stack.
  if (!(thrown instanceof UsageError)) throw thrown;
  process.stderr.write(`${thrown.message}\n`);
  process.exitCode = 1;
}

async function run(config: AgentConfig): Promise<void> {
  outliveReaders();
  let agent: Agent | undefined;
  endOnSignal({
    async end() {
      if (agent === undefined) return;
      const seconds = config.drainMaxMs / 1_000;
      process.stdout.write(`Finishing what runs, at most ${seconds} s; a second signal ends at once.\n`);
      await agent.drain();
    },
    failed: (thrown) => process.stderr.write(`${String(thrown)}\n`),
  });
  // What comes next is most of the program: compiled once, it starts in half the time from then on.
  enableCompileCache();
  // After --help and what is wrong with the flags: those answer at once.
  const { startAgent } = await import('./agent.ts');
  const terminal = createLazySink(async () => {
    const { createTerminalSink } = await import('@waggle/shared/observing/winston-logger.ts');
    return createTerminalSink(process.stderr.isTTY);
  });
  const logs = new LogBuffer();
  const logger = createBoundedLogger({ level: config.logLevel, sinks: [terminal, logs] });
  agent = await startAgent(config, { logger, logs, clock: systemClock, print: (text) => process.stdout.write(text) });
  const started = agent;
  releaseWhenIdle(() => toActivity(started), systemClock);
}

function toActivity({ node }: Agent): Activity {
  let [running, ended] = [0, 0];
  for (const jobs of node.jobs().values()) {
    const { done, failed, cancelled } = jobs.counts.ended;
    running += jobs.running;
    ended += done + failed + cancelled;
  }
  return { running, ended };
}
