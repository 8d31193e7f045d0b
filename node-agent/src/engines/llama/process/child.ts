import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromChild, ToChild } from './protocol.ts';

const mainPath = fileURLToPath(new URL('./main.ts', import.meta.url));
/** What is kept of what a child wrote before it died. */
const lastWordsMax = 2_000;

/** A child of this process, and the last words of a native part that ended it. */
export class Child {
  readonly #process: ChildProcess;
  readonly #exited = Promise.withResolvers<string>();
  #words = '';
  #isGone = false;

  /** `take` is called with all it says, never after `exited`. */
  constructor(take: (message: FromChild) => void) {
    this.#process = fork(mainPath, [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process.on('message', (message: FromChild) => {
      if (!this.#isGone) take(message);
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-lastWordsMax);
    });
    const gone = (how: string) => {
      this.#isGone = true;
      this.#exited.resolve(how);
    };
    this.#process.on('error', (error) => gone(error.message));
    // Not `close`: what it wrote may be held open by children of its own.
    this.#process.on('exit', (code, signal) =>
      gone(signal === null ? `it ended with code ${code}` : `it died of ${signal}`),
    );
  }

  /** Resolves with how it ended. */
  get exited(): Promise<string> {
    return this.#exited.promise;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Last line that says something, of what it wrote. */
  get lastWords(): string {
    return (
      this.#words
        .trim()
        .split('\n')
        .findLast((line) => line.trim() !== '')
        ?.trim() ?? ''
    );
  }

  tell(message: ToChild): void {
    if (!this.#isGone && this.#process.connected) this.#process.send(message);
  }

  /** Ends it at once; nothing of it has to be saved. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
