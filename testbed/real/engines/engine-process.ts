import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface EngineCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Resolves once it serves. */
  ready(process: EngineProcess): Promise<void>;
}

/** A program started for the tests, in a process group of its own. */
export class EngineProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        // The end is what tells why it failed.
        this.#output = (this.#output + text).slice(-20_000);
      });
    }
  }

  /** Throws with what it printed when it ends before it is ready. */
  static async start(command: EngineCommand): Promise<EngineProcess> {
    const child = spawn(command.command, command.args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...command.env },
    });
    const started = new EngineProcess(child);
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${command.command} ended with ${String(code)}:\n${started.output}`);
    });
    ended.catch(() => undefined);
    try {
      await Promise.race([command.ready(started), ended]);
    } catch (thrown) {
      await started[Symbol.asyncDispose]();
      throw thrown;
    }
    return started;
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('it did not start');
    return pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    // The script ends its server and removes its folder on SIGTERM.
    this.#child.kill('SIGTERM');
    await exited;
  }
}
