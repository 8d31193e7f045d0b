import type { Clock } from '@waggle/shared/observing/clock.ts';
import { Child } from './child.ts';
import type { ModelFacts } from './model-facts.ts';
import type { FromChild, ModelDescription } from './protocol.ts';

/** What a file is; or why nobody can tell. */
export type Inspected =
  | { readonly kind: 'facts'; readonly facts: ModelFacts }
  | { readonly kind: 'unreadable'; readonly message: string };

interface Question {
  readonly type: 'inspect' | 'describe';
  readonly path: string;
  readonly answer: (message: FromChild | undefined) => void;
}

/** A child with nothing more to do ends after this time. */
const idleMs = 2_000;
/** Longest time for one file: a header is read, and a template tried. */
const answerMaxMs = 60_000;
/** A file on which so many children died is not tried again. */
const mostDeaths = 2;

/**
 * Reads files in a child that ends when nothing is left to read: neither the library nor a broken file comes near the agent's own
 * process. One question at a time.
 */
export class FileInspector {
  readonly #clock: Clock;
  readonly #questions: Question[] = [];
  readonly #deaths = new Map<string, number>();
  #child: Child | undefined;
  #asked: Question | undefined;
  #cancelIdle = () => {};
  #cancelWait = () => {};
  #unfit: string | undefined;
  #libraryVersion = '';
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Why the library cannot be used on this machine. */
  get unfit(): string | undefined {
    return this.#unfit;
  }

  /** Empty until it was asked something. */
  get libraryVersion(): string {
    return this.#libraryVersion;
  }

  async inspect(path: string): Promise<Inspected> {
    const message = await this.#ask('inspect', path);
    if (message?.type === 'inspected') {
      this.#libraryVersion = message.library;
      return { kind: 'facts', facts: message.facts };
    }
    return { kind: 'unreadable', message: this.#why(message) };
  }

  /** @throws Error in words */
  async describe(path: string): Promise<ModelDescription> {
    const message = await this.#ask('describe', path);
    if (message?.type === 'described') return message.description;
    throw new Error(this.#why(message));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelIdle();
    const child = this.#child;
    child?.kill();
    await child?.exited;
  }

  #why(message: FromChild | undefined): string {
    if (message?.type === 'unreadable') return message.message;
    return this.#unfit ?? 'the file cannot be read';
  }

  #ask(type: Question['type'], path: string): Promise<FromChild | undefined> {
    return new Promise((answer) => {
      this.#questions.push({ type, path, answer });
      this.#next();
    });
  }

  #next(): void {
    if (this.#asked !== undefined) return;
    const question = this.#questions.shift();
    if (question === undefined) return this.#becomeIdle();
    if (this.#isClosed || this.#unfit !== undefined || (this.#deaths.get(question.path) ?? 0) >= mostDeaths) {
      question.answer(undefined);
      return this.#next();
    }
    this.#cancelIdle();
    this.#asked = question;
    const child = (this.#child ??= this.#start());
    this.#cancelWait = this.#clock.schedule(answerMaxMs, () => child.kill());
    child.tell({ type: question.type, path: question.path });
  }

  #becomeIdle(): void {
    this.#cancelIdle();
    this.#cancelIdle = this.#clock.schedule(idleMs, () => {
      if (this.#asked === undefined) this.#child?.kill();
    });
  }

  #start(): Child {
    const child = new Child((message) => {
      if (message.type === 'unfit') this.#unfit = message.message;
      this.#answer(message);
    });
    void child.exited.then(() => {
      if (this.#child === child) this.#child = undefined;
      const asked = this.#asked;
      if (asked === undefined || this.#child !== undefined) return;
      this.#deaths.set(asked.path, (this.#deaths.get(asked.path) ?? 0) + 1);
      this.#answer(undefined);
    });
    return child;
  }

  #answer(message: FromChild | undefined): void {
    const asked = this.#asked;
    this.#cancelWait();
    this.#asked = undefined;
    asked?.answer(message);
    this.#next();
  }
}
