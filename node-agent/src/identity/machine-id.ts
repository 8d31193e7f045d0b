import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { keptId } from './kept-id.ts';

/**
 * Identity of the machine, equal for every process on it and over restarts; hashed, because the system's own is not to be
 * shown around, and with the host's name, because images of machines are copied with the system's own in them. Where the
 * system has none, one is kept in the folder.
 */
export async function findMachineId(dataFolder: string): Promise<string> {
  const own = await readSystemId();
  if (own === '') return keptId(dataFolder, 'machine-id', /^[0-9a-f]{32}$/, () => randomBytes(16).toString('hex'));
  return createHash('sha256').update(`waggle:${own}:${hostname()}`).digest('hex').slice(0, 32);
}

async function readSystemId(): Promise<string> {
  switch (process.platform) {
    case 'linux':
      return (await readText('/etc/machine-id')) || (await readText('/var/lib/dbus/machine-id'));
    case 'darwin':
      return firstMatch(
        /"IOPlatformUUID" = "([^"]+)"/,
        await output('ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice']),
      );
    case 'win32': {
      const key = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography';
      return firstMatch(/MachineGuid\s+REG_SZ\s+(\S+)/, await output('reg', ['query', key, '/v', 'MachineGuid']));
    }
    default:
      return '';
  }
}

async function readText(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).trim();
}

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 5_000, windowsHide: true }, (error, stdout) =>
      resolve(error === null ? stdout : ''),
    );
  });
}

function firstMatch(pattern: RegExp, text: string): string {
  return pattern.exec(text)?.[1] ?? '';
}
