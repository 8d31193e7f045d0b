import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** A program of the repository in a process of its own, until disposed. */
export class BenchChild implements AsyncDisposable {
  /** The first line it printed. */
  readonly line: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, line: string) {
    this.#child = child;
    this.line = line;
  }

  /** Resolves when it printed its first line. */
  static async start(main: string, args: readonly string[]): Promise<BenchChild> {
    const child = spawn(process.execPath, [path.join(root, main), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8');
    while (!text.includes('\n')) {
      const [chunk] = (await once(child.stdout, 'data')) as [string];
      text += chunk;
    }
    child.stdout.resume();
    return new BenchChild(child, text.slice(0, text.indexOf('\n')));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
