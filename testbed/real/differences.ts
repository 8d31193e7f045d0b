/** Where Waggle answers otherwise than the Ollama behind it, on purpose. Everything else must be equal. */
export interface IntendedDifference {
  /** Which of `comparedCalls`, by name. */
  readonly calls: RegExp;
  /** Places in the answer, as `compareAnswers` names them. */
  readonly at: RegExp;
  /** For the reader of the README. */
  readonly reason: string;
}

const errorForm = /^(?:status|contentType|form|endsWithNewline|body)$/;

export const intendedDifferences: readonly IntendedDifference[] = [
  // What a cluster has to say more.
  {
    calls: /^(?:tags|v1 model)/,
    at: /^body(?:\.(?:models|data)\[\d+\])?\.nodes$/,
    reason: 'The lists of models name the nodes that have each, under `nodes`.',
  },
  { calls: /^ps /, at: /^body\.models\[\d+\]\.node$/, reason: '`/api/ps` names the node of each entry, under `node`.' },
  {
    calls: /^(?:pull|create|push)/,
    at: /^body\[\d+\]\.node$/,
    reason: 'The lines of a pull, a create and a push name their node, under `node`.',
  },
  { calls: /with a name that is near$/, at: /^body\.hint$/, reason: 'A 404 names the nearest models, under `hint`.' },

  // Refusals.
  {
    calls: /^generate (?:option of a wrong type|format unknown)$/,
    at: /^status$/,
    reason: 'A wrong type of an option and an unknown format are 400 with Ollama’s text (Ollama: 500).',
  },
  {
    calls: /^generate with (?:tokens of no text|an endless number|a broken template)$/,
    at: /^status$/,
    reason:
      'Tokens of no text in `context`, numbers that are too large for Ollama and a broken `template` are 400 with its text (Ollama: 500).',
  },
  {
    calls: /^embeddings on who cannot$/,
    at: /^status$/,
    reason: '`/api/embeddings` of a model without embeddings is 400 with Ollama’s text (Ollama: 500).',
  },
  {
    calls: /^(?:generate|chat|v1 chat) (?:with an image for the blind|too long, not to be cut)$/,
    at: /^body\.error(?:\.message)?$/,
    reason: 'Where Ollama gives the whole JSON of its runner’s error as the text, Waggle gives the text inside.',
  },
  {
    calls: /^(?:generate with a word|chat broken)$/,
    at: /^body\.error$/,
    reason: 'A body that is no JSON: the text says where (`invalid character … at position …`).',
  },
  {
    calls: /^generate with rubbish after it$/,
    at: /^(?:status|body\.error)$/,
    reason: 'Something after the JSON of a body is 400 (Ollama overlooks it).',
  },
  {
    calls: /^foreign (?:origin|host)$/,
    at: errorForm,
    reason: 'The 403 for a foreign Host or Origin says why (Ollama: no body).',
  },
  {
    calls: /^(?:status|me|signout)$/,
    at: /^(?:status|body\.(?:cloud\.source|error|signin_url))$/,
    reason: 'The routes of Ollama’s cloud say that there is none: 401, or `disabled` by `config`.',
  },
  {
    calls: /^(?:v1 chat GET|unknown path of v1)$/,
    at: errorForm,
    reason:
      'Unknown routes and wrong methods below `/v1` are answered with OpenAI’s error object (Ollama: plain text).',
  },
  {
    calls: /^v1 /,
    at: /^(?:contentType|endsWithNewline)$/,
    reason: 'All errors of `/v1` have one form, with `application/json` and a line end (Ollama: two forms).',
  },
  {
    calls: /^v1 /,
    at: /^body\.error\.(?:param|code)$/,
    reason:
      'Errors of `/v1` name the wrong parameter in `param` and their kind in `code`, as OpenAI’s do (Ollama: null).',
  },
  {
    calls: /^v1 chat without a body$/,
    at: /^body\.error\.message$/,
    reason: 'An empty body is `missing request body` below `/v1` too (Ollama: `EOF`).',
  },
  {
    calls: /^v1 chat too long$/,
    at: /^(?:status|body\..*)$/,
    reason: 'A prompt longer than the context is 400 `context_length_exceeded` below `/v1` (Ollama cuts it silently).',
  },
  {
    calls: /^push (?:absent|what is no name)/,
    at: /^(?:status|contentType|form|endsWithNewline|body(?:\.error)?)$/,
    reason:
      'A push of a model that is nowhere is 404, of what is no name 400, in the words of the other routes (Ollama: a file of its folder that is missing).',
  },

  // OpenAI's API as OpenAI defines it, where Ollama's /v1 does not.
  {
    calls: /^v1 (?:chat|completions)/,
    at: /^body(?:\[\d+\]\.data)?\.(?:id|system_fingerprint)$/,
    reason: 'Ids below `/v1` carry the request’s id, and `system_fingerprint` is `fp_waggle`.',
  },
  {
    calls: /^v1 chat/,
    at: /\.message\.refusal$|\.logprobs(?:\.refusal|\.content\[\d+\]\.top_logprobs)?$/,
    reason: 'Keys that OpenAI’s schema requires are there: `refusal` and `logprobs` (null), `top_logprobs` (empty).',
  },
  {
    calls: /^v1 completions/,
    at: /\.choices\[0\]\.logprobs$/,
    reason: 'Keys that OpenAI’s schema requires are there: `refusal` and `logprobs` (null), `top_logprobs` (empty).',
  },
  {
    calls: /^v1 (?:chat|completions) streamed/,
    at: /^body\[\d+\]\.data\.usage$/,
    reason: 'With `include_usage`, chunks before the usage chunk have `usage: null` (Ollama: absent, or zeros).',
  },
  {
    calls: /^v1 chat (?:tools|wishes that may go unheard)$/,
    at: /\.tool_calls\[\d+\]\.index$/,
    reason: 'A tool call in a whole answer has no `index`, which OpenAI knows in chunks only.',
  },
  {
    calls: /^v1 chat (?:tools|thinking) streamed$/,
    at: /\.delta\.content$/,
    reason: 'Chunks of thinking and of tool calls have no empty `content`.',
  },
  {
    calls: /^v1 chat thinking/,
    at: /\.reasoning_content$/,
    reason: 'Thinking below `/v1` comes under both names clients look for: `reasoning` and `reasoning_content`.',
  },
  {
    calls: /^v1 chat max_completion_tokens$/,
    at: /\.(?:content|finish_reason|completion_tokens|total_tokens)$/,
    reason: '`max_completion_tokens` is honoured (Ollama overlooks it).',
  },
  {
    calls: /^v1 chat lost /,
    at: /^(?:status|contentType|endsWithNewline|body\..*)$/,
    reason:
      'What Ollama below `/v1` overlooks although it would change the answer is 400: other tools than functions, `functions`, `tool_choice`, search, unknown formats, parameters of vLLM and llama-server.',
  },
  {
    calls: /^v1 chat of several answers$/,
    at: /\.(?:choices\.length|completion_tokens|total_tokens)$/,
    reason: '`n` answers are given where they are asked for (Ollama gives one, whatever `n` is).',
  },
  {
    calls: /^v1 (?:chat content of no parts|completions of nothing)$/,
    at: /\.(?:message\.content|choices\[0\]\.text|finish_reason|usage\..*)$|\.usage$/,
    reason: 'A prompt of nothing below `/v1` is answered all the same (Ollama only loads the model).',
  },
  {
    calls: /^v1 completions of a list$/,
    at: /^(?:status|contentType|endsWithNewline|body\..*)$/,
    reason: 'The prompt of `/v1/completions` may be a list of one text.',
  },
];
