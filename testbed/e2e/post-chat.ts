import { request } from 'node:http';

export interface PostedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  json(): unknown;
}

const count = [{ role: 'user', content: 'count' }];

/** A whole chat of Ollama's API unless `body` says otherwise. */
export async function postChat(
  url: string,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<PostedAnswer> {
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ messages: count, stream: false, ...body }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text,
    json: () => JSON.parse(text) as unknown,
  };
}

/** A client that can leave. */
export interface OpenChat extends AsyncDisposable {
  /** Closes the client's connection. */
  leave(): void;
  /** Status of the answer; 0: the client left before it. */
  readonly answered: Promise<number>;
}

/** A streamed chat that has begun: its first bytes are here. */
export async function openChat(
  url: string,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<OpenChat> {
  const chat = sendChat(url, { stream: true, ...body }, headers);
  const status = await chat.answered;
  if (status !== 200) throw new Error(`status ${status}`);
  return chat;
}

/** A chat that need not have begun: nothing of the answer is waited for. */
export function sendChat(
  url: string,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): OpenChat {
  const answered = Promise.withResolvers<number>();
  const closed = Promise.withResolvers<void>();
  const outgoing = request(`${url}/api/chat`, { method: 'POST', agent: false, headers }, (incoming) => {
    incoming.once('readable', () => answered.resolve(incoming.statusCode ?? 0));
    incoming.on('data', () => {});
    incoming.on('error', () => {});
  });
  outgoing.on('error', () => answered.resolve(0));
  outgoing.on('close', () => {
    answered.resolve(0);
    closed.resolve();
  });
  outgoing.end(JSON.stringify({ messages: count, ...body }));
  return {
    answered: answered.promise,
    leave: () => void outgoing.destroy(),
    async [Symbol.asyncDispose]() {
      outgoing.destroy();
      await closed.promise;
    },
  };
}
