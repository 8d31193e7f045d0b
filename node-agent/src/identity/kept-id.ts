import path from 'node:path';
import { describeFileError } from '@waggle/shared/data-folder/file-problem.ts';
import { makeFolder } from '@waggle/shared/data-folder/make-folder.ts';
import { readOrMakeSecret } from '@waggle/shared/data-folder/secret-file.ts';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';

/**
 * An id that is made once and then kept in a file of the folder, which is made where it is missing. A file of another form
 * is replaced: it is worth less than a start.
 *
 * @throws UsageError in one sentence when it cannot be kept
 */
export function keptId(folder: string, name: string, form: RegExp, make: () => string): string {
  const file = path.join(folder, name);
  try {
    makeFolder(folder);
    return readOrMakeSecret(file, make, (text) => form.test(text));
  } catch (cause) {
    throw new UsageError(`The file ${file} cannot be used: ${describeFileError(cause)}; remove what is there.`, {
      cause,
    });
  }
}
