import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { until } from '../src/cluster/process-cluster.ts';

const root = path.resolve(import.meta.dirname, '../..');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  /** What is piped into it. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The folder it is started in; the repository unless told. */
  readonly folder?: string;
  /** Closes its stdout after the first of it, as `head` does; `stdout` is empty then. */
  readonly stopReading?: boolean;
}

/** Runs `waggle` to its end. */
export async function runCli(url: string, args: readonly string[], options: RunOptions = {}): Promise<CliResult> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [path.join(root, 'cli/src/main.ts'), ...args], {
    cwd: options.folder ?? root,
    env: { PATH, HOME, WAGGLE_URL: url, NO_COLOR: '1', ...options.env },
  });
  child.stdin.end(options.input ?? '');
  if (options.stopReading === true) child.stdout.once('data', () => child.stdout.destroy());
  const [stdout, stderr, code] = await Promise.all([
    options.stopReading === true ? '' : readText(child.stdout),
    readText(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]);
  return { code, stdout, stderr };
}

const script = '/usr/bin/script';
/** A terminal can be played where util-linux is. */
export const hasTerminals = process.platform === 'linux' && existsSync(script);

/** `waggle` on a terminal of its own. */
export class CliTerminal implements Disposable {
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcessWithoutNullStreams;
  #shown = '';

  constructor(url: string, args: readonly string[], { env, folder }: Pick<RunOptions, 'env' | 'folder'> = {}) {
    const { PATH = '', HOME = '' } = process.env;
    const command = [process.execPath, path.join(root, 'cli/src/main.ts'), ...args]
      .map((part) => `'${part}'`)
      .join(' ');
    // Without a shell in between, which would take Ctrl-C for its own.
    this.#child = spawn(script, ['--quiet', '--flush', '--return', '--command', `exec ${command}`, '/dev/null'], {
      cwd: folder ?? root,
      env: { PATH, HOME, WAGGLE_URL: url, NO_COLOR: '1', TERM: 'dumb', ...env },
    });
    this.#child.stdout.on('data', (bytes: Buffer) => {
      this.#shown += bytes.toString('latin1');
    });
    this.exited = new Promise((resolve) => this.#child.on('close', resolve));
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Resolves when `text` was shown so often. */
  async shows(text: string, times = 1): Promise<void> {
    await until(async () => this.count(text) >= times);
  }

  /** How often `text` was shown so far. */
  count(text: string): number {
    return this.#shown.split(text).length - 1;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
