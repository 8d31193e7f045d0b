import { closeSync, fstatSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import { makeFolder } from '@waggle/shared/data-folder/make-folder.ts';
import type { CompiledConfig } from './compiled-config.ts';
import { ConfigError } from './config-error.ts';

/**
 * Makes the log file and its folder where they are missing. A file that takes no lines later on costs its lines only; one that
 * takes none from the start is a mistake.
 *
 * @throws ConfigError when nothing can be written into it
 */
export function prepareLogFile({ logging, sources }: Pick<CompiledConfig, 'logging' | 'sources'>): void {
  if (logging.file === undefined) return;
  const { path: file } = logging.file;
  const refuse = (why: string, cause?: unknown) => {
    const problem = `the log file ${file} cannot be written: ${why}; correct logging.file or leave it out`;
    const source = sources.of(['logging', 'file']).where;
    return new ConfigError({ key: 'logging.file', source, problem, expected: 'a file that can be written' }, { cause });
  };
  try {
    makeFolder(path.dirname(file));
    // Opening a pipe would wait for its reader; a device may swallow what it is given, or more.
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== false) {
      tryWriting(file);
      return;
    }
  } catch (cause) {
    throw refuse(describeFileError(cause), cause);
  }
  throw refuse('it is no ordinary file');
}

/** Only a byte that was written shows that the disk has room. */
function tryWriting(file: string): void {
  const handle = openSync(file, 'a');
  try {
    const { size } = fstatSync(handle);
    writeSync(handle, '\n');
    ftruncateSync(handle, size);
  } finally {
    closeSync(handle);
  }
}
