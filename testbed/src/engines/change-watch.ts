interface Watcher<Change> {
  /** True: it found what it waited for. */
  check(change: Change | undefined): boolean;
  fail(error: Error): void;
}

/** Promises that are looked at after every change, so that nothing has to poll. */
export class ChangeWatch<Change> {
  readonly #watchers = new Set<Watcher<Change>>();

  /** Tells everybody who waits. Costs nothing while nobody does. */
  changed(change?: Change): void {
    if (this.#watchers.size === 0) return;
    for (const watcher of this.#watchers) {
      if (watcher.check(change)) this.#watchers.delete(watcher);
    }
  }

  /** Resolves with the first thing `find` finds in a change; rejects when the watch is closed before. */
  next<T>(find: (change: Change | undefined) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#watchers.add({
        check: (change) => {
          const found = find(change);
          if (found !== undefined) resolve(found);
          return found !== undefined;
        },
        fail: reject,
      });
    });
  }

  /** Resolves when `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    if (!condition()) await this.next(() => (condition() ? true : undefined));
  }

  /** Rejects whoever still waits. */
  close(what: string): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher.fail(new Error(`${what} was closed while somebody waited for it`));
  }
}
