import { splitLines } from './lines.ts';

/** The orchestrator said no, or could not be reached; the message is fit to be shown as it is. */
export class ApiError extends Error {
  /** Undefined: nobody answered. */
  readonly status: number | undefined;

  constructor(status: number | undefined, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ApiError';
    this.status = status;
  }
}

/** Talks to the REST API of one orchestrator. */
export class ApiClient {
  readonly url: string;
  readonly #token: string | undefined;

  constructor(url: string, token: string | undefined) {
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
  }

  async get(path: string, signal?: AbortSignal): Promise<unknown> {
    const response = await this.#send('GET', path, undefined, signal);
    return response.json();
  }

  /** Sends JSON and gives the answer's lines as they come; a line with an `error` throws. */
  async *lines(path: string, body: unknown, signal?: AbortSignal): AsyncGenerator<Record<string, unknown>> {
    const response = await this.#send('POST', path, body, signal);
    if (response.body === null) return;
    for await (const line of splitLines(response.body)) {
      const parsed: unknown = JSON.parse(line);
      if (!isRecord(parsed)) continue;
      if (typeof parsed['error'] === 'string') throw new ApiError(response.status, parsed['error']);
      yield parsed;
    }
  }

  async #send(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (this.#token !== undefined) headers['authorization'] = `Bearer ${this.#token}`;
    const init: RequestInit = { method, headers };
    if (body !== undefined) init.body = JSON.stringify(body);
    if (signal !== undefined) init.signal = signal;
    let response: Response;
    try {
      response = await fetch(`${this.url}${path}`, init);
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      throw new ApiError(
        undefined,
        `no Waggle answers at ${this.url}; start it with \`npm start\`, or name another with --url`,
        cause,
      );
    }
    if (!response.ok) throw new ApiError(response.status, await toMessage(response));
    return response;
  }
}

async function toMessage(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const parsed: unknown = JSON.parse(text);
    if (isRecord(parsed)) {
      const { error, hint } = parsed;
      const message = isRecord(error) ? error['message'] : error;
      if (typeof message === 'string') return typeof hint === 'string' ? `${message}; ${hint}` : message;
    }
  } catch {
    // Not JSON: the text itself is the message.
  }
  return text.trim() || `the server answered ${response.status}`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
