import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../..');

export interface WaggleProcessOptions {
  /** Path of the program below the repository. */
  readonly main: 'orchestrator/src/main.ts' | 'node-agent/src/main.ts' | 'cli/src/main.ts';
  readonly args: readonly string[];
  /** Added to a bare environment: nothing of the caller's settings leaks in. */
  readonly env?: Readonly<Record<string, string>>;
}

function bareEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE } = process.env;
  return { PATH, HOME, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) };
}

const running = new Set<ChildProcess>();
// A test run that ends in the middle leaves none behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One of the programs as a process of its own, with what it printed. */
export class WaggleProcess implements AsyncDisposable {
  readonly #options: WaggleProcessOptions;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(options: WaggleProcessOptions) {
    this.#options = options;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the process does not run');
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** From now on nobody reads what it says. */
  closeOutput(): void {
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
  }

  /** Standard output and error so far, of all its lives. */
  get output(): string {
    return this.#output;
  }

  start(): void {
    const { main, args, env } = this.#options;
    const child = spawn(process.execPath, [path.join(root, main), ...args], {
      cwd: root,
      env: { ...bareEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#child = child;
    running.add(child);
    child.on('exit', () => running.delete(child));
  }

  /** Sends a signal; `SIGSTOP` and `SIGCONT` freeze and thaw it. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Exit code, or the signal it died of. */
  async exited(): Promise<number | NodeJS.Signals | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode ?? child.signalCode;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    // A frozen process takes a SIGTERM only after it thaws.
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await this.exited();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
