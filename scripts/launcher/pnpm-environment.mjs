import { installerEnvironment } from './installer-environment.mjs';
import { runNpm } from './npm.mjs';

const HANDED_ON = ['registry', 'ca', 'cafile', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl'];

/**
 * Environment for pnpm, with which it reaches the registry the way npm does. By itself it knows neither npm's global
 * npmrc nor npm_config_* variables, where company networks put their certificates, proxies and mirrors. Asks npm, which
 * takes about half a second. Variables pnpm understands that are set already win.
 */
export function pnpmEnvironment(toolsDir) {
  const env = installerEnvironment(toolsDir);
  const config = npmConfig(env);
  for (const key of HANDED_ON) {
    const name = `pnpm_config_${key.replace('-', '_')}`;
    const value = asVariable(key, config[key]);
    if (value && !env[name] && !env[name.toUpperCase()]) env[name] = value;
  }
  return env;
}

/** Without an answer pnpm goes by what it knows itself, and says so where that does not suffice. */
function npmConfig(env) {
  const { stdout } = runNpm(['config', 'ls', '--json'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    return JSON.parse(stdout);
  } catch {
    return {};
  }
}

function asVariable(key, value) {
  if (value === null || value === undefined) return undefined;
  // pnpm takes several certificates as JSON, several hosts as a list.
  if (Array.isArray(value)) return key === 'ca' ? JSON.stringify(value) : value.join(',');
  return String(value);
}
