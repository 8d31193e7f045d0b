import { homedir } from 'node:os';
import path from 'node:path';

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeFolder: string | undefined;
  readonly platform: NodeJS.Platform;
}

/**
 * The folder for what is kept when nobody names one: `$XDG_DATA_HOME/waggle` or `~/.local/share/waggle`,
 * `~/Library/Application Support/Waggle` on macOS, `%LOCALAPPDATA%\Waggle` on Windows. Undefined without a home folder.
 */
export function defaultDataFolder({ environment, homeFolder, platform }: Surroundings): string | undefined {
  if (platform === 'win32') {
    const local = environment['LOCALAPPDATA']?.trim();
    if (local) return path.win32.join(local, 'Waggle');
    return homeFolder && path.win32.join(homeFolder, 'AppData', 'Local', 'Waggle');
  }
  if (platform === 'darwin')
    return homeFolder && path.posix.join(homeFolder, 'Library', 'Application Support', 'Waggle');
  const dataHome = environment['XDG_DATA_HOME']?.trim();
  // The XDG specification: a relative path is to be ignored.
  if (dataHome && path.posix.isAbsolute(dataHome)) return path.posix.join(dataHome, 'waggle');
  return homeFolder && path.posix.join(homeFolder, '.local', 'share', 'waggle');
}

/** Of this process's user. Undefined for a user id without an entry in the user database, as in many containers. */
export function findHomeFolder(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

/** Absolute path of what somebody wrote; `~/` is the home folder, because variables and files do not pass a shell. */
export function resolvePath(written: string, base: string, { homeFolder, platform }: Surroundings): string {
  const paths = platform === 'win32' ? path.win32 : path.posix;
  const [, rest] = /^~(?:[/\\](.*))?$/s.exec(written) ?? [];
  if (homeFolder !== undefined && (written === '~' || rest !== undefined))
    return paths.resolve(homeFolder, rest ?? '.');
  return paths.resolve(base, written);
}
