import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import { ApiError, isRecord } from '../api-client.ts';
import { toContext } from '../context.ts';
import type { Output } from '../output.ts';

interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export function addChat(program: Command): void {
  program
    .command('chat')
    .description('talk to a model; Ctrl-C stops the answer, Ctrl-D ends')
    .argument('<model>', 'name, alias or name@node')
    .argument('[prompt...]', 'ask once and end')
    .option('--system <text>', 'what the model is told first')
    .addHelpText(
      'after',
      '\nExamples:\n  waggle chat llama3.2\n  waggle chat llama3.2 "Why is the sky blue?"\n  echo "Translate: bonjour" | waggle chat qwen3:4b\n',
    )
    .action(async (model: string, prompt: string[], options: { system?: string }, command: Command) => {
      const { client, output } = toContext(command);
      const history: Message[] = options.system === undefined ? [] : [{ role: 'system', content: options.system }];
      const once = prompt.length > 0 ? prompt.join(' ') : process.stdin.isTTY ? undefined : await readAll();
      if (once === undefined) await converse(client, output, { model, history });
      else
        await ask(client, output, {
          model,
          messages: [...history, { role: 'user', content: once }],
          signal: undefined,
        });
    });
}

async function converse(client: ApiClient, output: Output, chat: { model: string; history: Message[] }): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
  let answering: AbortController | undefined;
  terminal.on('SIGINT', () => (answering === undefined ? terminal.close() : answering.abort()));
  terminal.prompt();
  for await (const line of terminal) {
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
