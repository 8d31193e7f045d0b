import type { JsonObject } from '@waggle/shared/dialects/json/json-value.ts';

/** What a client may ask of a model. */
export interface MatrixAsk {
  readonly model: string;
  readonly prompt: string;
  readonly stream?: boolean;
  readonly maxTokens?: unknown;
  readonly stop?: string;
  /** A PNG in base64. */
  readonly image?: string;
  readonly think?: boolean;
  readonly schema?: JsonObject;
  readonly tool?: MatrixTool;
  readonly isToolForced?: boolean;
  /** The call of an earlier answer, with what the tool said. */
  readonly called?: { readonly call: MatrixCall; readonly result: string };
  readonly logprobs?: boolean;
}

export interface MatrixTool {
  readonly name: string;
  readonly parameters: JsonObject;
}

export interface MatrixCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
}

/** An answer in no API. */
export interface MatrixAnswer {
  readonly text: string;
  readonly thinking: string;
  readonly calls: readonly MatrixCall[];
  readonly reason: 'stop' | 'length' | 'tools' | undefined;
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  readonly logprobs: readonly { readonly token: string; readonly logprob: number }[];
}

/** What the matrix looks at, a column each. */
export const aspects = [
  'text',
  'tools',
  'forced tool',
  'images',
  'thinking',
  'JSON schema',
  'logprobs',
  'usage',
  'stop reasons',
  'errors',
  'abort',
] as const;
export type Aspect = (typeof aspects)[number];

/** One API as a client speaks it. */
export interface ClientApi {
  readonly path: string;
  /** What it has no words for. */
  readonly lacks: readonly Aspect[];
  /** Texts an answer may end at can be given. */
  readonly hasStopTexts: boolean;
  /** Calls of tools are a reason of an end. */
  readonly tellsCalls: boolean;
  /** Is in a stream once the model speaks. */
  readonly spokenMark: string;
  toBody(ask: MatrixAsk): JsonObject;
  /** `parts`: the objects of a stream in order, or the one object of a whole answer. */
  read(parts: readonly JsonObject[], stream: boolean): MatrixAnswer;
  /** The words of an error, where an object is one in the form of this API. */
  errorOf(part: JsonObject): string | undefined;
}

/** An answer with an error in the form of its API, before its first byte or after it (then the status is 200). */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
  }
}

/** Throws Refusal. `spoken` is called when the model speaks. */
export async function ask(
  url: string,
  api: ClientApi,
  request: MatrixAsk,
  options: { readonly signal?: AbortSignal; readonly spoken?: () => void } = {},
): Promise<MatrixAnswer> {
  const { signal, spoken } = options;
  const response = await fetch(url + api.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(api.toBody(request)),
    ...(signal === undefined ? {} : { signal }),
  });
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (text.includes(api.spokenMark)) spoken?.();
  }
  const parts = toParts(text, response.headers.get('content-type') ?? '');
  for (const part of parts) {
    const message = api.errorOf(part);
    if (message !== undefined) throw new Refusal(response.status, message);
  }
  if (response.status !== 200) throw new Error(`${response.status}, not in the form of ${api.path}: ${text}`);
  return api.read(parts, request.stream === true);
}

function toParts(text: string, contentType: string): readonly JsonObject[] {
  if (contentType.startsWith('text/event-stream')) {
    const data = [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => json ?? '');
    return data.filter((json) => json !== '[DONE]').map((json) => JSON.parse(json) as JsonObject);
  }
  if (contentType.startsWith('application/x-ndjson')) {
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JsonObject);
  }
  return [JSON.parse(text) as JsonObject];
}
