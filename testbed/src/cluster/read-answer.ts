export type AnswerDialect = 'ollama-stream' | 'ollama-whole' | 'openai-stream' | 'openai-whole';

/** What a client of the dialect understands of an answer, which may be incomplete. */
export interface ReadAnswer {
  readonly text: string;
  /** Its one terminal event was there. */
  readonly ended: boolean;
  /** Text of the dialect's error event. */
  readonly error: string | undefined;
  /** What no client could make sense of. */
  readonly problem: string | undefined;
}

/** Reads a chat or text completion of either API, as strictly as its clients should. */
export function readAnswer(dialect: AnswerDialect, text: string): ReadAnswer {
  switch (dialect) {
    case 'ollama-stream':
      return readEvents(text.split('\n').slice(0, -1), readOllamaEvent);
    case 'ollama-whole':
      return readEvents(text === '' ? [] : [text], readOllamaEvent);
    case 'openai-stream':
      return readEvents(toSseData(text), readOpenAiEvent);
    case 'openai-whole':
      return readEvents(text === '' ? [] : [text], readOpenAiWhole);
  }
}

interface ReadEvent {
  readonly text?: string;
  readonly ended?: boolean;
  readonly error?: string;
}

function readEvents(events: readonly string[], read: (event: string) => ReadEvent): ReadAnswer {
  let said = '';
  let ended = false;
  let error: string | undefined;
  let problem: string | undefined;
  for (const event of events) {
    if (ended || error !== undefined) problem ??= `after the end: ${event.slice(0, 200)}`;
    try {
      const seen = read(event);
      said += seen.text ?? '';
      ended = ended || seen.ended === true;
      error = error ?? seen.error;
    } catch (thrown) {
      problem ??= `${String(thrown)} in ${event.slice(0, 200)}`;
    }
  }
  return { text: said, ended, error, problem };
}

/** The data of each complete event; comments are left out. */
function toSseData(text: string): string[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .filter((event) => !event.startsWith(':'))
    .map((event) => (event.startsWith('data: ') ? event.slice('data: '.length) : event));
}

interface OllamaLine {
  readonly error?: string;
  readonly response?: string;
  readonly message?: { readonly content?: string };
  readonly done?: boolean;
}

function readOllamaEvent(event: string): ReadEvent {
  const line = JSON.parse(event) as OllamaLine;
  if (line.error !== undefined) return { error: line.error };
  return { text: line.message?.content ?? line.response ?? '', ended: line.done === true };
}

interface OpenAiChunk {
  readonly error?: { readonly message: string };
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly message?: { readonly content?: string | null };
    readonly text?: string;
  }[];
}

function readOpenAiEvent(event: string): ReadEvent {
  if (event === '[DONE]') return { ended: true };
  const chunk = JSON.parse(event) as OpenAiChunk;
  if (chunk.error !== undefined) return { error: chunk.error.message };
  const choice = chunk.choices?.[0];
  return { text: choice?.delta?.content ?? choice?.text ?? '' };
}

function readOpenAiWhole(event: string): ReadEvent {
  const { error, choices } = JSON.parse(event) as OpenAiChunk;
  if (error !== undefined) return { error: error.message };
  return { text: choices?.[0]?.message?.content ?? choices?.[0]?.text ?? '', ended: choices !== undefined };
}
