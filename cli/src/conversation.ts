import { createInterface } from 'node:readline/promises';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import { type ApiClient, ApiError, isRecord } from './api-client.ts';
import type { Output } from './output.ts';

interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

interface Talk {
  readonly model: string;
  readonly system: string | undefined;
  /** Asked once; undefined: a person at the terminal asks. */
  readonly question: string | undefined;
}

/** Asks the one question, or lets a person ask until they have enough. */
export async function talk(client: ApiClient, output: Output, { model, system, question }: Talk): Promise<void> {
  const history: Message[] = system === undefined ? [] : [{ role: 'system', content: system }];
  if (question === undefined) return converse(client, output, { model, history });
  if (question.trim() === '') throw new UsageError('there is nothing to ask: neither a prompt nor anything piped in');
  const messages: Message[] = [...history, { role: 'user', content: question }];
  await ask(client, output, { model, messages, signal: undefined });
}

/** All that is piped in; undefined where a person sits. */
export async function readPiped(): Promise<string | undefined> {
  return process.stdin.isTTY ? undefined : readAll();
}

async function converse(client: ApiClient, output: Output, chat: { model: string; history: Message[] }): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
  let answering: AbortController | undefined;
  terminal.on('SIGINT', () => (answering === undefined ? terminal.close() : answering.abort()));
  terminal.prompt();
  for await (const line of terminal) {
    if (line.trim() === '/bye') break;
    if (line.trim() !== '') {
      chat.history.push({ role: 'user', content: line });
      answering = new AbortController();
      const { signal } = answering;
      try {
        const content = await ask(client, output, { model: chat.model, messages: chat.history, signal });
        chat.history.push({ role: 'assistant', content });
      } catch (thrown) {
        if (!(thrown instanceof ApiError)) throw thrown;
        // The next question must not stand behind one that was never answered.
        chat.history.pop();
        output.fail(thrown.message);
      }
      answering = undefined;
    }
    terminal.prompt();
  }
  terminal.close();
}

/** Prints the answer as it comes; what was said before it was stopped counts as said. */
async function ask(
  client: ApiClient,
  output: Output,
  request: { model: string; messages: readonly Message[]; signal: AbortSignal | undefined },
): Promise<string> {
  let content = '';
  let isThinking = false;
  try {
    for await (const line of client.lines(
      '/api/chat',
      { model: request.model, messages: request.messages },
      request.signal,
    )) {
      if (output.json) output.data(line);
      const message = isRecord(line['message']) ? line['message'] : {};
      const { thinking, content: text } = message;
      if (typeof thinking === 'string' && thinking !== '') {
        if (!output.json) output.write(isThinking ? thinking : `[thinking] ${thinking}`);
        isThinking = true;
      }
      if (typeof text === 'string' && text !== '') {
        if (!output.json) output.write(isThinking ? `\n\n${text}` : text);
        isThinking = false;
        content += text;
      }
    }
  } catch (thrown) {
    if (request.signal?.aborted !== true) {
      if (!output.json && (isThinking || content !== '')) output.print('');
      throw thrown;
    }
  }
  if (!output.json) output.print('');
  return content;
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
