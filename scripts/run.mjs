// Starts a program of this repository on a machine that has nothing but Node 18 or newer and npm:
//   node scripts/run.mjs [node options] FILE [arguments]    runs FILE on Node 24, dependencies installed
//   node scripts/run.mjs pnpm [arguments]                   runs the pinned pnpm
// Plain JavaScript and node: modules only, because it runs before either exists.

import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './launcher/child.mjs';
import { installDependencies } from './launcher/dependencies.mjs';
import { findNode } from './launcher/node-runtime.mjs';
import { findPnpm } from './launcher/pnpm.mjs';
import { pnpmEnvironment } from './launcher/pnpm-environment.mjs';
import { sweepTools } from './launcher/tools.mjs';
import { Unavailable } from './launcher/unavailable.mjs';

const parent = process.ppid;
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const toolsDir = join(root, '.tools');

function prepare(args) {
  sweepTools(toolsDir);
  const node = findNode(toolsDir);
  if (args[0] === 'pnpm') {
    return { node, args: [findPnpm(toolsDir), ...args.slice(1)], env: pnpmEnvironment(toolsDir) };
  }
  installDependencies({ root, toolsDir, node });
  return { node, args, env: { ...process.env } };
}

function programEnvironment({ node, env }) {
  // On Windows the variable may be spelled Path; two spellings at once would hide one of them.
  const pathKey = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH';
  env[pathKey] = [dirname(node), env[pathKey]].filter(Boolean).join(delimiter);
  env.NODE_COMPILE_CACHE ??= join(toolsDir, 'compile-cache');
  return env;
}

try {
  const args = process.argv.slice(2);
  if (args.length === 0) throw new Unavailable('Usage: node scripts/run.mjs [node options] FILE [arguments]');
  const program = prepare(args);
  runChild({ command: program.node, args: program.args, env: programEnvironment(program), parent });
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
