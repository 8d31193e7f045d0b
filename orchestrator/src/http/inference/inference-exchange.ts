import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import { type EndpointName, endpoints } from '@waggle/shared/chat/endpoints.ts';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import type { RequestFacts } from '@waggle/shared/dialects/requests/request-facts.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { CacheControl } from '../../caching/cache-wish.ts';
import type { Answer, InferenceRequest } from '../../inference/inference.ts';
import { countAttempts } from '../../inference/request-record.ts';
import { attemptsHeader, nodeHeader, toHeaderText, toNodeList } from '../answer-headers.ts';
import type { ErrorForm } from '../errors/error-form.ts';
import { sendPlain, serverName } from '../errors/plain-answer.ts';
import { sendAndHangUp } from '../errors/send-and-hang-up.ts';
import type { RunningRequest } from '../running-requests.ts';
import { type AnswerForm, AnswerWriter } from './answer-writer.ts';
import type { InferenceEdgeDeps } from './inference-edge.ts';
import type { UnderstoodBody } from './known-bodies.ts';
import { type RequestOptions, readRequestOptions } from './request-options.ts';
import type { TranslatedCall, Translation } from './translation.ts';

export interface ExchangeOptions {
  readonly endpoint: EndpointName;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** The path streams whatever the body says. */
  readonly alwaysStream: boolean;
  /** The path's API is none of the endpoint's: what comes is a chat of its own, and so is what goes. */
  readonly translation?: Translation | undefined;
}

/** After this much silence an SSE stream gets a comment, so that no proxy on the way gives it up. */
const sseSilenceMs = 15_000;

/** Far beyond any name there is; it is kept with the request, and said in the error. */
const longestModelName = 1_024;

/** What a body says, and what of it goes to an engine. */
interface ReadBody extends UnderstoodBody {
  readonly toSend: Uint8Array;
}

/** What is known of a request once its body was read; a generation has begun by then. */
interface Admitted {
  readonly facts: RequestFacts;
  readonly form: AnswerForm;
}

/** One client request for a generation: from its first byte to the close of its response. */
export class InferenceExchange implements RunningRequest {
  readonly #deps: InferenceEdgeDeps;
  readonly #options: ExchangeOptions;
  readonly #requestId: string;
  readonly #controller = new AbortController();
  readonly #writer: AnswerWriter;
  seat = notSeated;
  #answer: Answer | undefined;
  #call: TranslatedCall | undefined;
  #stopDeadline: (() => void) | undefined;
  /** Where a model was loaded or unloaded. */
  #nodes: readonly string[] = [];
  #isStream = false;
  #isClosed = false;
  #bodyBytes = 0;

  constructor(deps: InferenceEdgeDeps, options: ExchangeOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#requestId = deps.requestIds(options.incoming.headers['x-request-id']);
    this.#writer = new AnswerWriter(options.outgoing, deps);
  }

  shutDown(): void {
    this.#abort(new ClusterError('draining', 'Waggle is shutting down'));
  }

  /** Never rejects. `done` is called once, when the response is closed. */
  async run(done: () => void): Promise<void> {
    const { incoming, outgoing } = this.#options;
    const receivedAt = this.#deps.clock.now();
    outgoing.on('close', () => {
      this.#isClosed = true;
      this.#stopDeadline?.();
      if (!outgoing.writableFinished) this.#abort(new ClusterError('client-gone', 'the client closed the connection'));
      this.#writer.closed();
      this.#releaseBody();
      done();
    });
    try {
      const options = readRequestOptions(incoming.headers);
      const { deadlineMs } = options;
      if (deadlineMs !== undefined) this.#limit(deadlineMs, receivedAt, 'x-waggle-deadline-ms');
      await this.#respond(await this.#admit(options, receivedAt));
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** Takes the body in and hands it on. Ends before the answer begins: what a running function saw stays in memory, body and all. */
  async #admit(options: RequestOptions, receivedAt: number): Promise<Admitted> {
    const { incoming } = this.#options;
    const { bodies, inference } = this.#deps;
    const body = await bodies.read(incoming);
    this.#bodyBytes = body.length;
    if (this.#isClosed) this.#releaseBody();
    const { facts, encoding, cacheWish, toSend } =
      this.#recall(body, options.cache) ?? (await this.#understand(body, options.cache));
    if (facts.action !== 'run') return { facts, form: this.#formOf({ ...facts, stream: false }, encoding) };
    const deadlineMs = options.deadlineMs ?? this.#deps.timeoutOf(facts.model);
    if (options.deadlineMs === undefined && deadlineMs !== undefined)
      this.#limit(deadlineMs, receivedAt, 'models: timeout');
    const request: InferenceRequest = {
      requestId: this.#requestId,
      facts,
      body: toSend,
      priority: options.priority,
      receivedAt,
      deadlineMs,
      client: { address: incoming.socket.remoteAddress ?? '', userAgent: incoming.headers['user-agent'] ?? '' },
      traceparent: options.traceparent,
      hops: options.hops,
      translatedFrom: this.#options.translation?.api,
      answer: this.#call === undefined ? 'native' : 'events',
      cacheWish,
    };
    this.#isStream = facts.stream;
    this.#answer = inference.run(request, this.#controller.signal);
    return { facts, form: this.#formOf(facts, encoding) };
  }

  /** What was understood of the same bytes before. */
  #recall(body: Buffer, cache: CacheControl): ReadBody | undefined {
    if (!this.#isPlain(cache)) return undefined;
    const known = this.#deps.knownBodies.find(this.#options.endpoint, body);
    return known && { ...known, toSend: body };
  }

  async #understand(body: Buffer, cache: CacheControl): Promise<ReadBody> {
    const { endpoint, translation } = this.#options;
    const { json, knownBodies } = this.#deps;
    const written = json.isSmall(body) ? json.parse(body) : await json.parseLarge(body);
    this.#call = translation?.read(written, this.#requestId);
    const parsed = this.#call?.chat ?? dialects[endpoints[endpoint].dialect].withExactKeys(endpoint, written);
    const facts = this.#inspect(parsed);
    if (facts.model.length > longestModelName) throw invalidModelName();
    const answer = this.#call === undefined ? 'native' : 'events';
    const cacheWish =
      facts.action === 'run'
        ? this.#deps.cacheWish({ endpoint, answer, parsed, bytes: body.length }, cache)
        : undefined;
    const understood = { facts, encoding: encodingOf(parsed), cacheWish };
    const toSend = this.#toSend(body, { parsed, isRewritten: parsed !== written });
    if (toSend === body && this.#isPlain(cache)) knownBodies.keep(endpoint, body, understood);
    return { ...understood, toSend };
  }

  /** Its body alone says what is wanted. */
  #isPlain({ noStore, noCache, use }: CacheControl): boolean {
    const { alwaysStream, translation } = this.#options;
    return !alwaysStream && translation === undefined && !noStore && !noCache && !use;
  }

  #releaseBody(): void {
    this.#deps.bodies.release(this.#bodyBytes);
    this.#bodyBytes = 0;
  }

  /** It is over when so much time has passed since the request came in; `who` says so. */
  #limit(deadlineMs: number, receivedAt: number, who: string): void {
    if (this.#isClosed) return;
    const { clock } = this.#deps;
    const leftMs = Math.max(0, receivedAt + deadlineMs - clock.now());
    this.#stopDeadline = clock.schedule(leftMs, () => this.#abort(deadlineExceeded(deadlineMs, who)));
  }

  #abort(reason: ClusterError): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }

  #inspect(parsed: unknown): RequestFacts {
    const { endpoint, alwaysStream } = this.#options;
    const facts = this.#withNeeds(dialects[endpoints[endpoint].dialect].inspectRequest(endpoint, parsed));
    return alwaysStream && facts.action === 'run' ? { ...facts, stream: true } : facts;
  }

  #withNeeds(facts: RequestFacts): RequestFacts {
    const call = this.#call;
    if (call === undefined || call.alsoNeeds.length === 0) return facts;
    return { ...facts, needs: [...facts.needs, ...call.alsoNeeds] };
  }

  /** The client's bytes, unless the engine would read them otherwise than they were judged. */
  #toSend(body: Buffer, read: { readonly parsed: unknown; readonly isRewritten: boolean }): Uint8Array {
    const fields = read.parsed as Readonly<Record<string, unknown>>;
    const { alwaysStream } = this.#options;
    if (alwaysStream && fields['stream'] !== undefined && fields['stream'] !== true) {
      return Buffer.from(JSON.stringify({ ...fields, stream: true }));
    }
    return read.isRewritten ? Buffer.from(JSON.stringify(read.parsed)) : body;
  }

  async #respond({ facts, form }: Admitted): Promise<void> {
    if (this.#answer !== undefined) {
      await this.#writer.write(this.#answer, form);
      return;
    }
    const { residency } = this.#deps;
    if (facts.action === 'load') this.#nodes = [await residency.load(facts, this.#controller.signal)];
    else this.#nodes = await residency.unload(facts.model);
    const events: ChatEvent[] = [{ type: 'response-end', finishReason: facts.action === 'load' ? 'load' : 'unload' }];
    if (endpoints[facts.endpoint].kind === 'embedding') events.unshift({ type: 'embeddings', vectors: [] });
    this.#writer.writeEvents(events, form);
  }

  #formOf(facts: RequestFacts, encoding: 'float' | 'base64'): AnswerForm {
    const { endpoint, stream, model, includeUsage } = facts;
    const dialectName = endpoints[endpoint].dialect;
    const dialect = dialects[dialectName];
    const requestId = this.#requestId;
    return {
      stream,
      contentType: dialect.contentType(endpoint, stream),
      createEncoder: () =>
        this.#call?.createEncoder(facts) ??
        dialect.createAnswerEncoder(endpoint, {
          model,
          requestId,
          createdAt: new Date(),
          includeUsage,
          stream,
          encoding,
        }),
      headers: () => this.#headers(),
      ...(stream && dialectName === 'openai' ? { silenceMs: sseSilenceMs } : {}),
    };
  }

  #headers(): string[] {
    // With its first event a job has let go of the body.
    this.#releaseBody();
    if (this.#deps.running.isDraining) this.#options.outgoing.shouldKeepAlive = false;
    const headers = ['server', serverName, 'x-request-id', this.#requestId];
    if (this.#options.translation?.errorForm === 'anthropic') headers.push('request-id', this.#requestId);
    const record = this.#answer?.record;
    const nodes = this.#nodes;
    if (record?.node !== undefined) headers.push(nodeHeader, toHeaderText(record.node));
    else if (nodes.length > 0) headers.push(nodeHeader, toNodeList(nodes));
    if (record?.cache !== undefined) headers.push('x-waggle-cache', record.cache);
    headers.push(attemptsHeader, String(record === undefined ? nodes.length : countAttempts(record)));
    this.#deps.cors.append(headers, this.#options.incoming.headers.origin);
    return headers;
  }

  #fail(thrown: unknown): void {
    const { incoming, outgoing, endpoint } = this.#options;
    const { signal } = this.#controller;
    if (this.#isClosed || this.#writer.isEnded) {
      this.#logLate(thrown);
      return;
    }
    const cause: unknown = signal.aborted ? signal.reason : thrown;
    const { dialect } = endpoints[endpoint];
    if (!outgoing.headersSent) {
      const answer = this.#deps.failures.render(cause, this.#errorForm, this.#requestId);
      const { code } = toClusterError(cause);
      const isUnread = code === 'overloaded' && !incoming.complete;
      if (code === 'body-too-large' || code === 'request-timeout' || isUnread) {
        sendAndHangUp(incoming, outgoing, { answer, headers: this.#headers(), clock: this.#deps.clock });
      } else {
        sendPlain(outgoing, answer, this.#headers());
      }
    } else if (this.#isStream) {
      const error = this.#deps.failures.toPublic(cause, this.#requestId);
      this.#writer.end((this.#call ?? dialects[dialect]).renderStreamError(error));
    } else {
      // A body that was begun can only be cut, so that its reader does not take it for whole.
      outgoing.destroy();
    }
  }

  get #errorForm(): ErrorForm {
    const { translation, endpoint } = this.#options;
    return translation?.errorForm ?? endpoints[endpoint].dialect;
  }

  #logLate(thrown: unknown): void {
    const { code, message, stack } = toClusterError(thrown);
    if (code === 'client-gone' || this.#controller.signal.aborted) return;
    this.#deps.logger.warn('answer-failed-late', { requestId: this.#requestId, code, message, stack });
  }
}

function invalidModelName(): ClusterError {
  return new ClusterError('bad-request', 'invalid model name', { details: { param: 'model' } });
}

function deadlineExceeded(deadlineMs: number, who: string): ClusterError {
  return new ClusterError('deadline-exceeded', `the answer was not ready within ${deadlineMs} ms (${who})`);
}

function encodingOf(parsed: unknown): 'float' | 'base64' {
  const fields = parsed as Readonly<Record<string, unknown>>;
  const format = fields['encoding_format'];
  return typeof format === 'string' && format.toLowerCase() === 'base64' ? 'base64' : 'float';
}
