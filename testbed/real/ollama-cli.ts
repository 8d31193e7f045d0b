import { execFile } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Ollama's own command line program with no terminal; spinners and escape sequences are left out of what it says. */
export function runOllama(
  program: string,
  { url, home, cwd }: { readonly url: string; readonly home: string; readonly cwd?: string },
  args: readonly string[],
): Promise<Said> {
  return new Promise((resolve) => {
    const env = { OLLAMA_HOST: url, HOME: home, PATH: process.env['PATH'] ?? '', NO_PROXY: '127.0.0.1' };
    const child = execFile(program, args, { env, timeout: 60_000, cwd: cwd ?? home }, (error, out, err) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      resolve({ code, out: plain(out), err: plain(err) });
    });
    child.stdin?.end();
  });
}

function plain(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[⠀-⣿] ?/g, '')
    .replace(/\r/g, '');
}
