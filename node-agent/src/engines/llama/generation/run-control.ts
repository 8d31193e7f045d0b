/** What the agent says about a run while it is computed. */
export class RunControl {
  #isCancelled = false;
  #isPaused = false;
  #wake: (() => void)[] = [];

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#wakeAll();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#wakeAll();
  }

  /** Resolves when the reader has room, or left. */
  async whenWanted(): Promise<void> {
    while (this.#isPaused && !this.#isCancelled) await this.#change();
  }

  /** Resolves with `promise`, or when the run was cancelled. */
  async until(promise: Promise<void>): Promise<void> {
    const cancelled = async () => {
      while (!this.#isCancelled) await this.#change();
    };
    await Promise.race([promise, cancelled()]);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
