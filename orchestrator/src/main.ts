import { enableCompileCache } from 'node:module';
import { hostname } from 'node:os';
import path from 'node:path';
import { isUnspecifiedHost, joinHostPort } from '@waggle/shared/addresses/hosts.ts';
import { findLanAddress } from '@waggle/shared/addresses/lan-address.ts';
import { formatJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { endOnSignal } from '@waggle/shared/process/end-on-signal.ts';
import { outliveReaders } from '@waggle/shared/process/outlive-readers.ts';
import { releaseWhenIdle } from '@waggle/shared/process/release-when-idle.ts';
import packageJson from '../package.json' with { type: 'json' };
import { toBanner, toEngineLines } from './banner.ts';
import type { CompiledConfig } from './config/compiled-config.ts';
import { ConfigError } from './config/config-error.ts';
import { openDataFolder } from './config/data-folder.ts';
import { followConfig } from './config/follow-config.ts';
import type { ConfigInputs } from './config/load.ts';
import { prepareLogFile } from './config/log-file.ts';
import { processInputs } from './config/process-inputs.ts';
import { readConfig } from './config/read-config.ts';
import type { LocalNodes } from './in-process/local-nodes.ts';
import type { Orchestrator } from './start.ts';

const { version } = packageJson;

try {
  const inputs = processInputs();
  const outcome = readConfig(inputs);
  if (outcome.kind === 'run') await run(outcome.config, inputs);
  else process.stdout.write(outcome.kind === 'version' ? `${version}\n` : outcome.text);
  if (outcome.kind === 'check' && !outcome.isValid) process.exitCode = 1;
} catch (thrown) {
  // What a person can mend gets one sentence and no stack.
  if (!(thrown instanceof UsageError)) throw thrown;
  const also = thrown instanceof ConfigError ? thrown.also : [];
  for (const { message } of [thrown, ...also]) process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

async function run(config: CompiledConfig, inputs: ConfigInputs): Promise<void> {
  outliveReaders();
  prepareLogFile(config);
  const data = openDataFolder(config.data);
  // What comes next is most of the program: compiled once, it starts in half the time from then on. It is loaded here because
  // --help, and what is wrong with the configuration, are to answer at once.
  enableCompileCache();
  const { createWinstonLogger } = await import('@waggle/shared/observing/winston-logger.ts');
  const { startOrchestrator } = await import('./start.ts');
  const { startLocalNodes } = await import('./in-process/local-nodes.ts');
  const logger = createWinstonLogger({
    level: config.logging.level,
    isTerminal: process.stderr.isTTY,
    maxLinesPerSecond: config.logging.maxLinesPerSecond,
    ...(config.logging.file && { file: config.logging.file }),
  });
  let orchestrator: Orchestrator | undefined;
  let nodes: LocalNodes | undefined;
  // From the first moment on: whoever sees the port open may ask it to end.
  endOnSignal({
    async end(signal) {
      logger.info('draining', { signal });
      await orchestrator?.drain();
      await nodes?.close();
      data[Symbol.dispose]();
    },
    failed: (thrown) => logger.error('shutdown-failed', { error: String(thrown) }),
  });
  try {
    const started = await startOrchestrator({ config, data, logger, clock: systemClock, version });
    orchestrator = started;
    const local = await startLocalNodes({
      config,
      dataFolder: data.path,
      clusterId: data.clusterId,
      attach: (host) => started.attach(host),
      logger,
      clock: systemClock,
    });
    nodes = local;
    const apply = (next: CompiledConfig) => {
      logger.setLevel(next.logging.level);
      started.apply(next);
      local.follow(next.nodes);
    };
    followConfig({ inputs, started: config, apply, logger }, systemClock);
    process.stdout.write(toBanner(toBannerFacts(config, started, data.path)));
    process.stdout.write(toEngineLines(started.registry.nodes, local.findings, config.local.enabled));
    releaseWhenIdle(() => started.activity(), systemClock);
  } catch (thrown) {
    await orchestrator?.close();
    data[Symbol.dispose]();
    throw thrown;
  }
}

function toBannerFacts(config: CompiledConfig, orchestrator: Orchestrator, dataFolder: string) {
  const { server, cluster } = config;
  const host = isUnspecifiedHost(server.host) ? hostname() : server.host;
  // An address is dialled without any name service.
  const address = cluster.advertise ?? `${findLanAddress() ?? hostname()}:${orchestrator.grpcPort}`;
  const token = orchestrator.joinToken === undefined ? '' : ` --token ${formatJoinToken(orchestrator.joinToken)}`;
  return {
    version,
    url: `http://${joinHostPort(host, orchestrator.httpPort)}${server.basePath}`,
    joinCommand: cluster.isLoopback ? undefined : `npm run agent -- --orchestrator ${address}${token}`,
    dataFolder: path.resolve(dataFolder),
    notices: config.notices,
  };
}
