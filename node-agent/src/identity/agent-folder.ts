import { takeFolder } from '@waggle/shared/data-folder/take-folder.ts';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';

/** The folder of one agent; no other process has it until it is disposed. */
export interface AgentFolder extends Disposable {
  readonly path: string;
  /** 1 for the first agent of the machine; others have folders of their own beside it. */
  readonly number: number;
}

const mostAgents = 99;

/**
 * Takes the folder, or the next free one beside it (`agent-2`, …) where nobody chose it.
 *
 * @throws UsageError in one sentence when the folder cannot be written, or was chosen and is in use
 */
export function openAgentFolder(folder: string, isChosen: boolean): AgentFolder {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? folder : `${folder}-${number}`;
    const taken = takeFolder(candidate);
    if (taken.kind === 'taken') {
      return { path: candidate, number, [Symbol.dispose]: () => taken.lock[Symbol.dispose]() };
    }
    if (taken.kind === 'failed' || isChosen || number === mostAgents) {
      const sentence = taken.problem.replace(/^./, (letter) => letter.toUpperCase());
      throw new UsageError(sentence, { cause: taken.kind === 'failed' ? taken.cause : undefined });
    }
  }
}
