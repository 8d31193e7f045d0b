/**
 * A request in no dialect: what a translation between families goes through, and what patterns write.
 * Optional fields are absent when the caller said nothing; nobody fills in defaults on the way.
 */
export type GenerationRequest = ChatRequest | TextRequest | EmbeddingRequest;

interface RequestBase {
  readonly model: string;
  /** Ollama's keep_alive as the caller wrote it: seconds or a Go duration. */
  readonly keepAlive?: number | string;
}

interface GenerationBase extends RequestBase {
  readonly stream: boolean;
  readonly sampling: Sampling;
  readonly format?: ResponseFormat;
  readonly think?: ThinkLevel;
  readonly logprobs?: boolean;
  /** 0 to 20. */
  readonly topLogprobs?: number;
  /** What does not fit into the context any more while the answer grows is forgotten from its beginning (Ollama's `shift`). */
  readonly shift?: boolean;
  /** A streaming OpenAI client asked for the usage chunk. */
  readonly includeUsage?: boolean;
}

export interface ChatRequest extends GenerationBase {
  readonly kind: 'chat';
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ToolDefinition[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
}

/** A bare prompt (Ollama's generate, OpenAI's completions). */
export interface TextRequest extends GenerationBase {
  readonly kind: 'generate';
  readonly prompt: string;
  readonly suffix?: string;
  readonly system?: string;
  readonly template?: string;
  readonly images?: readonly ImageData[];
  /** No chat template is applied to the prompt. */
  readonly raw?: boolean;
  /** Ollama's deprecated token context of an earlier answer. */
  readonly context?: readonly number[];
  /** OpenAI: the prompt is repeated before the answer. */
  readonly echo?: boolean;
}

export interface EmbeddingRequest extends RequestBase {
  readonly kind: 'embedding';
  readonly input: readonly string[];
  /** The caller gave one string, not a list (legacy endpoints answer one vector). */
  readonly single: boolean;
  readonly dimensions?: number;
  readonly truncate?: boolean;
  readonly encoding?: 'float' | 'base64';
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: readonly ContentPart[];
  readonly thinking?: string;
  readonly toolCalls?: readonly ToolCall[];
  /** Id of the call that a `tool` message answers. */
  readonly toolCallId?: string;
  /** Name of the tool that a `tool` message answers for. */
  readonly toolName?: string;
}

export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly image: ImageData };

export interface ImageData {
  /** Absent where the dialect carries none (Ollama). */
  readonly mimeType?: string;
  readonly base64: string;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description?: string;
  /** JSON schema of the arguments, as the caller wrote it. */
  readonly parameters?: unknown;
  readonly strict?: boolean;
}

export type ToolChoice = 'none' | 'auto' | 'required' | { readonly name: string };

export interface ToolCall {
  readonly index: number;
  readonly id?: string;
  readonly name: string;
  /** JSON text with the key order of its author. */
  readonly arguments: string;
}

export type ResponseFormat =
  | { readonly type: 'json' }
  | { readonly type: 'json-schema'; readonly schema: unknown; readonly name?: string; readonly strict?: boolean };

export type ThinkLevel = boolean | 'low' | 'medium' | 'high' | 'max';

/** The settings both families share, by one name; the rest of Ollama's options ride in `options`. */
export interface Sampling {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly typicalP?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly repeatPenalty?: number;
  readonly repeatLastN?: number;
  /** Context length the caller asked for, in tokens. */
  readonly numCtx?: number;
  readonly logitBias?: Readonly<Record<string, number>>;
  readonly n?: number;
  /** Engine options without a name of their own here, as the caller wrote them. */
  readonly options?: Readonly<Record<string, unknown>>;
}
