import type { NativeBatch, TypedBatch } from '../chat/answer-batch.ts';
import type { ChatEvent, FinishReason, Timings, Usage } from '../chat/chat-event.ts';
import type { DialectName, EndpointName } from '../chat/endpoints.ts';
import type { GenerationRequest } from '../chat/generation-request.ts';
import type { JobFailure } from '../cluster/job.ts';
import type { ClusterError } from '../errors/cluster-error.ts';
import type { RequestFacts } from './requests/request-facts.ts';

/**
 * One family of wire formats, seen from both ends: the orchestrator inspects the client's request, encodes typed events for it
 * and renders errors; the agent translates a request for an engine of the other family and reads what the engine answers.
 * Every endpoint given to a dialect is one of its own. Pure: nothing here reads a clock (the encoders apart), a file or a socket.
 */
export interface Dialect {
  readonly name: DialectName;

  /**
   * The parsed body with its keys spelled as the dialect defines them; the very same value where they are already. What follows
   * works on this, and so does the engine.
   */
  withExactKeys(endpoint: EndpointName, body: unknown): unknown;

  /**
   * What scheduling must know of a request, and the refusals that the dialect's own server gives without asking a model.
   * `body` is the parsed JSON. Throws `bad-request` (or `model-not-found` where the server says so) with that server's own words.
   */
  inspectRequest(endpoint: EndpointName, body: unknown): RequestFacts;

  /** The request in no dialect, for an engine of the other family. Throws `bad-request` for what cannot be understood. */
  decodeRequest(endpoint: EndpointName, body: unknown): GenerationRequest;

  /**
   * The request as an engine of this family wants it, with the endpoint to send it to. Throws `unsupported`, naming
   * `details.param`, for what this dialect cannot say; nothing that matters is dropped.
   */
  encodeRequest(request: GenerationRequest, options?: EncodeRequestOptions): EncodedRequest;

  /** Reads an engine's answer for a client of this same family: the engine's bytes go on as they came. */
  createNativeReader(endpoint: EndpointName, options: NativeReaderOptions): NativeReader;

  /** A whole (unstreamed) answer for a client of this same family. Throws as the reader does. */
  readWholeNative(endpoint: EndpointName, bytes: Uint8Array, rewriteModel?: ModelRewrite): WholeAnswer<NativeBatch>;

  /** Reads an engine's answer as typed events, for a client of the other family or for whoever wants events. */
  createEventReader(endpoint: EndpointName, options: EventReaderOptions): EventReader;

  /** A whole (unstreamed) answer as typed events. Throws as the reader does. */
  readWholeEvents(endpoint: EndpointName, bytes: Uint8Array): WholeAnswer<TypedBatch>;

  /** Writes typed events for a client of this family. One encoder serves one answer. */
  createAnswerEncoder(endpoint: EndpointName, options: AnswerEncoderOptions): AnswerEncoder;

  /** Content type of an answer to the client. */
  contentType(endpoint: EndpointName, stream: boolean): string;

  /** An error before anything of the answer was sent. */
  renderError(error: ClusterError): RenderedError;

  /** An error inside a stream that has begun, framed as the stream is. Nothing may follow it. */
  renderStreamError(error: ClusterError): Uint8Array;

  /**
   * An engine's answer with an error status: whose fault it is and what the engine said. `headers` have lower-case names.
   * `body` is the text as it came; at most 64 KiB of it are kept.
   */
  classifyError(status: number, headers: EngineHeaders, body: string, endpoint: EndpointName): JobFailure;
}

export type EngineHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface EncodeRequestOptions {
  /**
   * Endpoint the client called. An Ollama engine is given the defaults and the message splitting of Ollama's own `/v1`
   * where this is one of OpenAI's.
   */
  readonly source?: EndpointName;
}

export interface EncodedRequest {
  readonly endpoint: EndpointName;
  readonly body: Record<string, unknown>;
  /** What the engine cannot be asked for; the reader of its answer sees to it. */
  readonly vectors?: VectorWish;
}

/** How a client wants its vectors, where engines are known to overlook it. */
export interface VectorWish {
  /** In base64, even if the engine sends numbers. Native readers only: what becomes an event is numbers. */
  readonly isBase64: boolean;
  /** Most numbers of a vector. */
  readonly dimensions?: number;
  readonly ifLonger?: 'cut' | 'refuse';
}

/** The name the engine answers with, and the name the client wrote. Whatever name the engine says becomes `to`. */
export interface ModelRewrite {
  readonly from: string;
  readonly to: string;
}

export interface NativeReaderOptions {
  /** False: `push` only collects, the whole answer comes from `finish`. */
  readonly stream: boolean;
  /** Absent: the bytes need no change. */
  readonly rewriteModel?: ModelRewrite;
  /** The client did not ask for the usage chunk, the agent did: it is read and left out. */
  readonly stripUsage?: boolean;
  readonly vectors?: VectorWish | undefined;
}

export interface EventReaderOptions {
  /** False: `push` only collects, the whole answer comes from `finish`. */
  readonly stream: boolean;
  readonly vectors?: VectorWish | undefined;
}

/** What the engine told about the answer as a whole; what it does not tell is absent. */
export interface JobStats {
  readonly finishReason?: FinishReason;
  readonly usage?: Usage;
  readonly timings?: Timings;
}

/**
 * Cuts an engine's answer into batches. `push` and `finish` throw a ClusterError when the engine reports an error inside the
 * stream (its line is not passed on), sends what is no answer, or ends without a terminal event; `toJobFailure` makes a
 * JobFailure of it. After a throw the reader is of no more use. What follows the terminal event is dropped.
 */
interface AnswerReader<Batch> {
  /** The complete lines or events in `chunk` and what was left of the one before; undefined when there is none yet. */
  push(chunk: Uint8Array): Batch | undefined;
  /** The engine's body ended. `batch` holds what was still to come: a last line without a line end, a whole answer. */
  finish(): { readonly end: JobStats; readonly batch?: Batch };
}

export type NativeReader = AnswerReader<NativeBatch>;
export type EventReader = AnswerReader<TypedBatch>;

export interface WholeAnswer<Batch> {
  readonly batch: Batch;
  readonly stats: JobStats;
}

export interface AnswerEncoderOptions {
  /** As the client wrote it. */
  readonly model: string;
  /** Becomes part of the ids of OpenAI's objects. */
  readonly requestId: string;
  readonly createdAt: Date;
  /** A streaming OpenAI client asked for the usage chunk. */
  readonly includeUsage: boolean;
  readonly stream: boolean;
  /** OpenAI embeddings: form of the vectors, `float` unless told. */
  readonly encoding?: 'float' | 'base64';
  /** One of several answers to a client of OpenAI's API: its index. What ends the stream is left to whoever joins them. */
  readonly choice?: number;
  /** Milliseconds since 1970, for Ollama's time of each line; the machine's clock unless told. */
  readonly now?: () => number;
}

export interface AnswerEncoder {
  /** The events of one batch as framed lines or SSE events of the stream; empty when they say nothing on the wire. */
  encode(events: readonly ChatEvent[]): Uint8Array;
  /** All events of an answer as one body. Throws `engine-failed` if there is no `response-end` among them. */
  encodeWhole(events: readonly ChatEvent[]): Uint8Array;
}

export interface RenderedError {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
}
