import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installerEnvironment } from './installer-environment.mjs';
import { isAlive } from './is-alive.mjs';
import { runNpm } from './npm.mjs';
import { Unavailable } from './unavailable.mjs';

/**
 * Folder of the npm package `name@version`, fetched into `toolsDir` on first use.
 * Throws Unavailable where npm cannot get it; its `notPublished` tells a missing version from a missing network.
 */
export function fetchTool(toolsDir, name, version) {
  const home = join(toolsDir, `${name}-${version}`);
  const installed = join(home, 'node_modules', name);
  if (existsSync(home)) return installed;

  // Filled under another name and renamed, so `home` exists only when it is complete.
  const draft = `${home}.draft-${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    npmInstall(`${name}@${version}`, draft, toolsDir);
    renameSync(draft, home);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(home)) throw error; // else a second first run was quicker, and what it fetched is as good
  }
  return installed;
}

/** Removes the drafts of fetches that were interrupted (up to 190 MB each). */
export function sweepTools(toolsDir) {
  if (!existsSync(toolsDir)) return;
  for (const entry of readdirSync(toolsDir)) {
    const pid = /\.draft-(\d+)$/.exec(entry)?.[1];
    if (!pid || isAlive(Number(pid))) continue;
    try {
      rmSync(join(toolsDir, entry), { recursive: true, force: true });
    } catch {
      // The npm of a killed launcher may still be writing; a later start removes it.
    }
  }
}

function npmInstall(spec, prefix, toolsDir) {
  console.error(`Fetching ${spec} ...`);
  const npmArgs = ['install', spec, '--prefix', prefix, '--no-save', '--no-package-lock', '--ignore-scripts'];
  npmArgs.push(
    '--engine-strict=false',
    '--prefer-offline',
    '--fetch-retries=1',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  );
  const result = runNpm(npmArgs, {
    env: installerEnvironment(toolsDir),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (result.status === 0) return;
  const said = result.error?.message ?? result.stderr.trim();
  const failure = new Unavailable(
    `npm could not fetch ${spec}. It said:\n${said}\n\nThe first start needs a network: connect and start again.`,
  );
  failure.notPublished = /\bE404\b|\bETARGET\b/.test(said);
  throw failure;
}
