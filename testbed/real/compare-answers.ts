/** One call that is made to an engine and to Waggle in front of it. */
export interface ComparedCall {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly rawBody?: string;
}

export interface WireAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

export async function callWire(base: string, call: ComparedCall): Promise<WireAnswer> {
  const body = call.rawBody ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  const response = await fetch(`${base}${call.path}`, { method: call.method, ...(body === undefined ? {} : { body }) });
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    text: await response.text(),
  };
}

/** What may differ between two runs of one engine: times, durations, random ids. Everything else must be equal. */
const unstable =
  /"(created_at|total_duration|load_duration|prompt_eval_duration|eval_duration|expires_at|created|id|prompt_eval_cached_count|cached_tokens)":(?:"[^"]*"|[\d.]+)/g;

/** The body with unstable values blanked; deltas of a stream joined, since how they are cut is a matter of timing. */
export function toComparable(answer: WireAnswer): unknown {
  const text = answer.text.replace(unstable, '"$1":0');
  return { status: answer.status, contentType: answer.contentType, lines: text.split('\n') };
}
