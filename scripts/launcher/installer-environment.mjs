import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const CACHE_VARIABLES = ['npm_config_cache', 'XDG_CACHE_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME'];

/**
 * Environment for npm and pnpm. They keep caches in the home folder; where that is missing or read-only
 * (containers, system users) the caches go below `toolsDir`, unless a variable names a usable folder already.
 */
export function installerEnvironment(toolsDir) {
  const env = { ...process.env };
  // pnpm leaves development dependencies out under NODE_ENV=production, and the next `npm test` would miss them.
  delete env.NODE_ENV;
  if (isWritable(homedir())) return env;
  for (const variable of CACHE_VARIABLES) {
    if (!env[variable] || !isWritable(env[variable])) env[variable] = join(toolsDir, 'cache', variable.toLowerCase());
  }
  return env;
}

function isWritable(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
