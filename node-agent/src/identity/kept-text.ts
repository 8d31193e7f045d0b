import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * A text that is made once and then kept in a file of the folder. Two processes that make it at the same time end up with
 * one. A file of another form is replaced: it is worth less than a start.
 */
export async function keptText(
  folder: string,
  name: string,
  form: RegExp,
  make: (random: Buffer) => string,
): Promise<string> {
  const file = path.join(folder, name);
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (form.test(kept)) return kept;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (kept !== '') await rm(file, { force: true });
  const made = make(randomBytes(32));
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, `${made}\n`, { mode: 0o600 });
  try {
    await link(draft, file);
    return made;
  } catch (cause) {
    const theirs = (await readFile(file, 'utf8').catch(() => '')).trim();
    if (form.test(theirs)) return theirs;
    // A file system without links.
    if (theirs === '') {
      await writeFile(file, `${made}\n`, { mode: 0o600 });
      return made;
    }
    throw cause;
  } finally {
    await rm(draft, { force: true });
  }
}
