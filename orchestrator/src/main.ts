import { hostname } from 'node:os';
import path from 'node:path';
import { formatJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { createWinstonLogger } from '@waggle/shared/observing/winston-logger.ts';
import packageJson from '../package.json' with { type: 'json' };
import { toBanner, toEngineLines } from './banner.ts';
import type { CompiledConfig } from './config/compiled-config.ts';
import { ConfigError } from './config/config-error.ts';
import { openDataFolder } from './config/data-folder.ts';
import { ListenError } from './config/listen-error.ts';
import { processInputs } from './config/process-inputs.ts';
import { readConfig } from './config/read-config.ts';
import { type LocalNodes, startLocalNodes } from './in-process/local-nodes.ts';
import { type Orchestrator, startOrchestrator } from './start.ts';

const { version } = packageJson;
/** A second signal counts only after this: a terminal under a watcher delivers one Ctrl-C twice. */
const secondSignalAfterMs = 1_000;

try {
  const outcome = readConfig(processInputs());
  if (outcome.kind === 'run') await run(outcome.config);
  else process.stdout.write(outcome.kind === 'help' ? outcome.text : `${version}\n`);
} catch (thrown) {
  if (!isForPeople(thrown)) throw thrown;
  const also = thrown instanceof ConfigError ? thrown.also : [];
  for (const { message } of [thrown, ...also]) process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

/** What a person can mend gets one sentence and no stack. */
function isForPeople(thrown: unknown): thrown is Error {
  return thrown instanceof ConfigError || thrown instanceof ListenError;
}

async function run(config: CompiledConfig): Promise<void> {
  const data = openDataFolder(config.data);
  const logger = createWinstonLogger({
    level: config.logging.level,
    isTerminal: process.stderr.isTTY,
    maxLinesPerSecond: config.logging.maxLinesPerSecond,
    ...(config.logging.file && { file: config.logging.file }),
  });
  let orchestrator: Orchestrator | undefined;
  let nodes: LocalNodes | undefined;
  // From the first moment on: whoever sees the port open may ask it to end.
  endOnSignal(logger, async () => {
    await orchestrator?.drain();
    await nodes?.close();
    data[Symbol.dispose]();
  });
  try {
    orchestrator = await startOrchestrator({ config, data, logger, clock: systemClock, version });
  } catch (thrown) {
    data[Symbol.dispose]();
    throw thrown;
  }
  const started = orchestrator;
  nodes = await startLocalNodes({
    config,
    dataFolder: data.path,
    attach: (host) => started.attach(host),
    logger,
    clock: systemClock,
  });
  process.stdout.write(toBanner(toBannerFacts(config, started, data.path)));
  process.stdout.write(toEngineLines(started.registry.nodes, nodes.findings));
}

function toBannerFacts(config: CompiledConfig, orchestrator: Orchestrator, dataFolder: string) {
  const { server, cluster } = config;
  const host = server.host === '0.0.0.0' || server.host === '::' ? hostname() : server.host;
  const address = cluster.advertise ?? `${hostname()}:${orchestrator.grpcPort}`;
  const token = orchestrator.joinToken === undefined ? '' : ` --token ${formatJoinToken(orchestrator.joinToken)}`;
  return {
    version,
    url: `http://${host}:${orchestrator.httpPort}${server.basePath}`,
    joinCommand: cluster.isLoopback ? undefined : `npm run agent -- --orchestrator ${address}${token}`,
    dataFolder: path.resolve(dataFolder),
    notices: config.notices,
  };
}

/** The first signal drains, a later one ends at once. */
function endOnSignal(logger: Logger, drain: () => Promise<void>): void {
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      logger.info('draining', { signal });
      drain().then(
        () => process.exit(0),
        (thrown: unknown) => {
          logger.error('shutdown-failed', { error: String(thrown) });
          process.exit(1);
        },
      );
    } else if (now - firstAt > secondSignalAfterMs) {
      process.exit(1);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}
