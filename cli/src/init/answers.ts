import { createInterface } from 'node:readline/promises';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';

/** What somebody wants of their configuration. */
export interface Answers {
  readonly port: number;
  /** Whether clients on other machines may use it. */
  readonly clients: boolean;
  /** Whether agents on other machines may join. */
  readonly lan: boolean;
  /** Whether the engines of this machine are used. */
  readonly engines: boolean;
}

export const defaultAnswers: Answers = { port: 3001, clients: false, lan: false, engines: true };

/**
 * Asks at the terminal; Enter takes what stands in brackets.
 *
 * @throws UsageError when somebody has had enough (Ctrl-C, Ctrl-D)
 */
export async function askAnswers(proposed: Answers, found: readonly string[]): Promise<Answers> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const gone = new AbortController();
  terminal.on('SIGINT', () => terminal.close()).on('close', () => gone.abort());
  const ask = (question: string) => terminal.question(question, { signal: gone.signal });
  const askYesNo = async (question: string, fallback: boolean): Promise<boolean> => {
    for (;;) {
      const said = (await ask(`${question} [${fallback ? 'Y/n' : 'y/N'}] `)).trim().toLowerCase();
      if (said === '') return fallback;
      if (/^(?:y|yes|n|no)$/.test(said)) return said.startsWith('y');
      process.stdout.write('y or n, please.\n');
    }
  };
  const askPort = async (): Promise<number> => {
    for (;;) {
      const port = toPort(await ask(`Port for clients [${proposed.port}] `), proposed.port);
      if (port !== undefined) return port;
      process.stdout.write('A whole number from 1 to 65535, please.\n');
    }
  };
  try {
    const port = await askPort();
    const clients = await askYesNo('May clients on other machines use it?', proposed.clients);
    const lan = await askYesNo('May other machines join with their engines (makes a join token)?', proposed.lan);
    process.stdout.write(`${found.join('\n')}\n`);
    const engines = await askYesNo('Use the engines of this machine?', proposed.engines);
    return { port, clients, lan, engines };
  } catch (thrown) {
    if (!gone.signal.aborted) throw thrown;
    process.stdout.write('\n');
    throw new UsageError('nothing was written', { cause: thrown });
  } finally {
    terminal.close();
  }
}

/** Undefined for what is no port. */
export function toPort(text: string, fallback?: number): number | undefined {
  const said = text.trim();
  if (said === '') return fallback;
  const port = Number(said);
  return /^\d{1,5}$/.test(said) && port >= 1 && port <= 65_535 ? port : undefined;
}
