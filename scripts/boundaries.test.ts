import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import config from '../oxlint.config.ts';

const oxlint = resolve('node_modules/oxlint/bin/oxlint');

const refused: readonly (readonly [file: string, line: string])[] = [
  ['shared/src/chat/a.ts', `import '@waggle/orchestrator/main.ts';`],
  ['shared/src/chat/b.ts', `import '@waggle/node-agent/main.ts';`],
  ['shared/src/chat/c.ts', `import '@grpc/grpc-js';`],
  ['shared/src/chat/d.ts', `import '../wire/generated/waggle/v1/lanes.ts';`],
  ['shared/src/chat/e.ts', `import 'hono';`],
  ['shared/src/wire/a.ts', `import '@waggle/orchestrator/cluster/x.ts';`],
  ['shared/src/lane-link/a.ts', `import '../wire/generated/waggle/v1/lanes.ts';`],

  ['orchestrator/src/app.ts', `import '@grpc/grpc-js';`],
  ['orchestrator/src/app2.ts', `import '@waggle/node-agent/main.ts';`],
  ['orchestrator/src/main.ts', `import 'hono/cors';`],
  ['orchestrator/src/grpc/a.ts', `import { Hono } from 'hono';`],
  ['orchestrator/src/grpc/b.ts', `import '../http/app.ts';`],
  ['orchestrator/src/grpc/c.ts', `import '@waggle/node-agent/jobs/x.ts';`],
  ['orchestrator/src/grpc/d.ts', `import '@waggle/shared/wire/generated/waggle/v1/lanes.ts';`],
  ['orchestrator/src/http/a.ts', `import '@grpc/grpc-js';`],
  ['orchestrator/src/http/ollama/b.ts', `import '../../grpc/lanes.ts';`],
  ['orchestrator/src/in-process/a.ts', `import '../grpc/lanes.ts';`],
  ['orchestrator/src/inference/a.ts', `import '../http/readable.ts';`],
  ['orchestrator/src/inference/b.ts', `import '@hono/node-server';`],
  ['orchestrator/src/patterns/debate/a.ts', `import '../../http/readable.ts';`],
  ['orchestrator/src/scheduling/a.ts', `import '../inference/run-chat.ts';`],
  ['orchestrator/src/scheduling/b.ts', `import '../storage/port.ts';`],
  ['orchestrator/src/scheduling/c.ts', `import '../grpc/lanes.ts';`],
  ['orchestrator/src/cluster/a.ts', `import type { X } from '../telemetry/metrics.ts';`],
  ['orchestrator/src/caching/a.ts', `export { x } from '../runs/journal.ts';`],
  ['orchestrator/src/caching/b.ts', `await import('../http/app.ts');`],
  ['orchestrator/src/storage/a.ts', `import '../http/app.ts';`],
  ['orchestrator/src/telemetry/a.ts', `import '../workflows/task.ts';`],
  ['orchestrator/src/config/a.ts', `import '../inference/run-chat.ts';`],
  ['orchestrator/src/cluster/b1.ts', `import { toBanner } from '../banner.ts';`],
  ['orchestrator/src/scheduling/terms/b2.ts', `import { createApp } from '../../app.ts';`],
  ['orchestrator/src/inference/b3.ts', `import type { Orchestrator } from '../start.ts';`],
  ['orchestrator/src/http/b4.ts', `import { createApp } from '../app.ts';`],
  ['orchestrator/src/config/b5.ts', `await import('../main.ts');`],
  ['node-agent/src/engines/b6.ts', `import { startAgent } from '../agent.ts';`],
  ['orchestrator/src/http/env1.ts', `import { env } from 'node:process';`],
  ['orchestrator/src/http/env2.ts', `import * as p from 'process';`],
  ['node-agent/src/engines/env3.ts', `import system from 'node:process';`],
  ['shared/src/chat/env4.ts', `export { env } from 'node:process';`],
  ['orchestrator/src/cluster/b.ts', `import '../../../node-agent/src/main.ts';`],
  ['orchestrator/src/cluster/c.ts', `import '@waggle/testbed/clusters/x.ts';`],

  ['node-agent/src/main.ts', `import '@waggle/orchestrator/main.ts';`],
  ['node-agent/src/engines/a.ts', `import '../link/lanes.ts';`],
  ['node-agent/src/engines/ollama/b.ts', `import '../../jobs/jobs.ts';`],
  ['node-agent/src/engines/c.ts', `import '@grpc/grpc-js';`],
  ['node-agent/src/capacity/a.ts', `import '../http/health.ts';`],
  ['node-agent/src/jobs/a.ts', `import '../link/lanes.ts';`],
  ['node-agent/src/link/a.ts', `import '../http/health.ts';`],
  ['node-agent/src/link/b.ts', `import 'hono';`],
  ['node-agent/src/http/a.ts', `import '@grpc/grpc-js';`],

  ['cli/src/a.ts', `import '@waggle/orchestrator/config/schema.ts';`],
  ['cli/src/b.ts', `import '@waggle/node-agent/engines/x.ts';`],
  ['testbed/src/a.ts', `import '@waggle/shared/wire/generated/waggle/v1/lanes.ts';`],
];

const allowed: typeof refused = [
  ['shared/src/wire/ok.ts', `import './generated/waggle/v1/lanes.ts'; import '@grpc/grpc-js';`],
  ['shared/src/dialects/ok.ts', `import '../chat/chat-event.ts'; import 'zod';`],
  ['orchestrator/src/main.ts', `import '@waggle/node-agent/main.ts'; import './http/app.ts';`],
  ['orchestrator/src/in-process/ok.ts', `import '@waggle/node-agent/jobs/x.ts';`],
  ['orchestrator/src/http/ok.ts', `import 'hono'; import '../inference/run-chat.ts'; import '../cluster/x.ts';`],
  ['orchestrator/src/grpc/ok.ts', `import '@grpc/grpc-js'; import '../cluster/x.ts';`],
  ['orchestrator/src/inference/ok.ts', `import '../scheduling/choose.ts';`],
  ['orchestrator/src/scheduling/ok.ts', `import '../cluster/x.ts'; import '@waggle/shared/cluster/node.ts';`],
  ['node-agent/src/link/ok.ts', `import '@grpc/grpc-js'; import '../jobs/jobs.ts';`],
  ['node-agent/src/jobs/ok.ts', `import '../engines/engine.ts';`],
  ['cli/src/ok.ts', `import '@waggle/orchestrator/main.ts'; import '@waggle/shared/cluster/node.ts';`],
  ['testbed/src/ok.ts', `import '@waggle/orchestrator/app.ts'; import '@waggle/node-agent/jobs/x.ts';`],
  ['orchestrator/src/http/test-server.ts', `import { createApp } from '../app.ts';`],
  ['orchestrator/src/start.ts', `import { createApp } from './app.ts';`],
  ['node-agent/src/http/ok.ts', `import type { JobState } from '../engine-node.ts';`],
  ['cli/src/context.ts', `export const home = process.env.HOME;`],
  ['scripts/ok.ts', `console.log(process.env);`],
  ['orchestrator/src/config/ok.ts', `export const home = process.env.HOME;`],
  ['node-agent/src/config/ok.ts', `export const home = process.env.HOME;`],
];

const readsEnvironment = 'eslint(no-restricted-properties)';

/** Rules with exceptions of their own. */
const refusedElsewhere: readonly (readonly [file: string, line: string, rule: string])[] = [
  ['orchestrator/src/http/env.ts', `export const home = process.env.HOME;`, readsEnvironment],
  ['node-agent/src/engines/env.ts', `export const home = process['env'].HOME;`, readsEnvironment],
  ['shared/src/chat/env.ts', `const { env } = process; export const home = env.HOME;`, readsEnvironment],
  ['orchestrator/src/app3.ts', `export const home = globalThis.process.env.HOME;`, readsEnvironment],
  ['cli/src/commands/env.ts', `export const home = process.env.HOME;`, readsEnvironment],
  ['shared/src/chat/log.ts', `console.log('x');`, 'eslint(no-console)'],
  ['shared/src/chat/any.ts', `export const x: any = 1;`, 'typescript(no-explicit-any)'],
  ['shared/src/chat/bang.ts', `export const x = (y?: { z: 1 }) => y!.z;`, 'typescript(no-non-null-assertion)'],
  ['shared/src/chat/default.ts', `export default 1;`, 'import(no-default-export)'],
];

/** Lints the files in a folder of their own under the repository's configuration; the rules broken, by file. */
async function lint(cases: readonly (readonly [file: string, text: string, ...unknown[]])[]) {
  const folder = await mkdtemp(join(tmpdir(), 'boundaries-'));
  try {
    await writeFile(join(folder, '.oxlintrc.json'), JSON.stringify(config));
    for (const [file, text] of cases) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    const report = await new Promise<string>((done) => {
      execFile(process.execPath, [oxlint, '--format=json', '.'], { cwd: folder }, (_, stdout) => done(stdout));
    });
    const { diagnostics } = JSON.parse(report) as { diagnostics: { code: string; filename: string }[] };
    return (file: string) => diagnostics.filter(({ filename }) => filename === file).map(({ code }) => code);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Every file that stands above the folders of a package, imported from one of them. */
async function rootImports(): Promise<(readonly [file: string, line: string])[]> {
  const cases: (readonly [string, string])[] = [];
  for (const [source, folder] of [
    ['orchestrator/src', 'cluster'],
    ['node-agent/src', 'engines'],
  ] as const) {
    const files = (await readdir(source)).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
    for (const name of files) cases.push([`${source}/${folder}/of-${name}`, `import '../${name}';`]);
  }
  return cases;
}

const refusedRoots = await rootImports();
const brokenRules = await lint([...refused, ...refusedRoots, ...refusedElsewhere]);
const rulesOfAllowed = await lint(allowed);

test.each([...refused, ...refusedRoots])('%s refuses %s', (file) => {
  expect(brokenRules(file)).toContain('eslint(no-restricted-imports)');
});

test.each(refusedElsewhere)('%s refuses %s', (file, _, rule) => {
  expect(brokenRules(file)).toContain(rule);
});

test.each(allowed)('%s allows %s', (file) => {
  expect(rulesOfAllowed(file)).not.toContain('eslint(no-restricted-imports)');
  expect(rulesOfAllowed(file)).not.toContain(readsEnvironment);
});
