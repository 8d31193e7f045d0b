import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '@waggle/shared/observing/logger.ts';

const idsMax = 1_000;
const NODE_ID = /^[\x21-\x7e]{1,128}$/;

/** Node ids in a file of the data folder, one a line. A file that is missing or damaged is an empty one. */
export class KnownNodesFile {
  readonly before: readonly string[];
  readonly #file: string;
  readonly #logger: Logger;
  #kept: string;

  constructor(folder: string, logger: Logger) {
    this.#file = path.join(folder, 'known-nodes');
    this.#logger = logger;
    this.before = readIds(this.#file);
    this.#kept = this.before.join('\n');
  }

  /** Written in one piece; a folder that cannot be written costs a warning only. */
  keep(nodeIds: readonly string[]): void {
    const text = nodeIds
      .filter((nodeId) => NODE_ID.test(nodeId))
      .toSorted()
      .slice(0, idsMax)
      .join('\n');
    if (text === this.#kept) return;
    this.#kept = text;
    const unfinished = `${this.#file}.new`;
    try {
      writeFileSync(unfinished, `${text}\n`, { mode: 0o600 });
      renameSync(unfinished, this.#file);
    } catch (thrown) {
      this.#logger.warn('known-nodes-not-kept', { file: this.#file, error: String(thrown) });
    }
  }
}

function readIds(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => NODE_ID.test(line))
      .slice(0, idsMax);
  } catch {
    return [];
  }
}
