import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPnpm } from './pnpm.mjs';
import { pnpmEnvironment } from './pnpm-environment.mjs';
import { Unavailable } from './unavailable.mjs';

const DECIDING_FILES = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json'];

/** Installs what pnpm-lock.yaml says, unless node_modules is already that. */
export function installDependencies({ root, toolsDir, node }) {
  const stampFile = join(root, 'node_modules', '.stamp');
  const stamp = stampOf(root);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;

  const pnpm = findPnpm(toolsDir);
  console.error('Installing dependencies ...');
  // The lockfile was checked when it was written; without --trust-lockfile pnpm asks the registry again, network or not.
  const result = spawnSync(node, [pnpm, 'install', '--frozen-lockfile', '--trust-lockfile', '--prefer-offline'], {
    cwd: root,
    env: pnpmEnvironment(toolsDir),
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0) {
    const said = [result.error?.message, result.stdout, result.stderr].filter(Boolean).join('\n').trim();
    throw new Unavailable(
      `${said}\n\npnpm could not install the dependencies (see above). The first start needs a network; ` +
        'after a change to a package.json run `npm run pnpm -- install` once.',
    );
  }
  writeFileSync(stampFile, stamp); // last: an interrupted install has none
}

function stampOf(root) {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const file of DECIDING_FILES) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}
