import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { CacheWish } from '../caching/cache-wish.ts';
import { joinBatches, type KeptAnswer, replay } from '../caching/kept-answer.ts';
import type { ResponseCache } from '../caching/response-cache.ts';
import { SharedAnswer } from '../caching/shared-answer.ts';
import type { Answer, Inference, InferenceRequest } from './inference.ts';
import { modelVersions, type VersionDeps, versionOf } from './model-version.ts';
import { RecordKeeper } from './record-keeper.ts';
import type { RequestLog } from './request-log.ts';
import type { RequestRecord } from './request-record.ts';

export interface CachedInferenceDeps extends VersionDeps {
  /** Makes the answers that are not kept. */
  readonly inference: Inference;
  readonly cache: ResponseCache;
  readonly requests: RequestLog;
  readonly clock: Clock;
}

/** A request that is being answered, for others who ask the same meanwhile. */
interface Flight {
  readonly answer: SharedAnswer;
  readonly record: RequestRecord;
}

/** A request that is answered anew. */
interface Led {
  readonly request: InferenceRequest;
  readonly wish: CacheWish;
  /** Of its flight. */
  readonly key: string;
  /** Under which its answer may be kept. */
  readonly keys: readonly string[];
}

/** Answers from the cache where a request allows it, and answers those who ask the same at the same time together. */
export class CachedInference implements Inference {
  readonly #deps: CachedInferenceDeps;
  readonly #keeper: RecordKeeper;
  readonly #flights = new Map<string, Flight>();

  constructor(deps: CachedInferenceDeps) {
    this.#deps = deps;
    this.#keeper = new RecordKeeper(deps.requests, deps.clock);
  }

  run(request: InferenceRequest, signal: AbortSignal): Answer {
    const { inference, cache } = this.#deps;
    const { cacheWish } = request;
    if (cacheWish === undefined || !cache.isOn) return inference.run(request, signal);
    const keys = this.#keysOf(request, cacheWish);
    if (keys.length === 0) return inference.run(request, signal);
    const key = flightKey(request, keys);
    if (cacheWish.read) {
      const kept = cache.find(keys);
      if (kept !== undefined) return this.#replay(request, kept);
      const flight = this.#flights.get(key);
      if (flight?.answer.isOpen === true) return this.#join(request, flight, signal);
    }
    return this.#lead({ request, wish: cacheWish, key, keys }, signal);
  }

  /** None where nobody serves the model, or a stand-in does: the request is then answered, or refused, as if there were no cache. */
  #keysOf({ facts }: InferenceRequest, { requestHash }: CacheWish): readonly string[] {
    try {
      return modelVersions(facts.model, this.#deps).map((version) => keyOf(requestHash, version));
    } catch {
      return [];
    }
  }

  #replay(request: InferenceRequest, kept: KeptAnswer): Answer {
    this.#deps.cache.count('hits');
    const record = this.#keeper.begin(request);
    record.cache = 'hit';
    if (kept.node !== undefined) record.node = kept.node;
    if (kept.usage !== undefined) record.usage = kept.usage;
    const batch = replay(kept, request.facts.stream);
    return { record, [Symbol.asyncIterator]: () => this.#keeper.give(request, record, batch) };
  }

  #join(request: InferenceRequest, { answer, record: leader }: Flight, signal: AbortSignal): Answer {
    this.#deps.cache.count('coalesced');
    const record = this.#keeper.begin(request);
    record.cache = 'coalesced';
    const batches = iterate(answer.read(signal));
    const learn = () => {
      if (leader.node !== undefined) record.node = leader.node;
      if (leader.usage !== undefined) record.usage = leader.usage;
    };
    return { record, [Symbol.asyncIterator]: () => this.#keeper.follow(request, record, batches, learn) };
  }

  #lead(led: Led, signal: AbortSignal): Answer {
    const { request, key } = led;
    const { inference, cache } = this.#deps;
    cache.count('misses');
    const work = new AbortController();
    // Others may want the answer for longer than this client: its own deadline is kept where it is read.
    const made = inference.run({ ...request, deadlineMs: undefined }, work.signal);
    made.record.cache = 'miss';
    const flight: Flight = {
      record: made.record,
      answer: new SharedAnswer({
        batches: made[Symbol.asyncIterator](),
        abandon: (reason) => work.abort(reason),
        settled: (batches) => {
          // A newer answer was asked for, which is the one to be kept.
          if (this.#flights.get(key) !== flight) return;
          this.#flights.delete(key);
          if (batches !== undefined) this.#keep(led, made.record, batches);
        },
        largestBytes: cache.largestBytes,
      }),
    };
    this.#flights.set(key, flight);
    return { record: made.record, [Symbol.asyncIterator]: () => flight.answer.read(signal) };
  }

  /** Not where the model became another one meanwhile: nobody knows which of them answered. */
  #keep({ request, wish, keys }: Led, { attempts, node, usage }: RequestRecord, batches: readonly AnswerBatch[]): void {
    const answered = attempts.at(-1);
    const version = answered && versionOf(answered, this.#deps);
    const batch = joinBatches(batches);
    if (version === undefined || batch === undefined) return;
    const key = keyOf(wish.requestHash, version);
    const { endpoint, stream } = request.facts;
    if (keys.includes(key)) this.#deps.cache.keep(key, { endpoint, stream, batch, node, usage });
  }
}

function keyOf(requestHash: string, version: string): string {
  return `${requestHash} ${version}`;
}

/** What is made as a stream is no help to a client that wants a whole, and the other way round; nor what waits behind others. */
function flightKey({ facts, priority }: InferenceRequest, keys: readonly string[]): string {
  return `${keys.join(' ')} ${facts.stream} ${priority}`;
}

function iterate(batches: AsyncIterator<AnswerBatch>): AsyncIterable<AnswerBatch> {
  return { [Symbol.asyncIterator]: () => batches };
}
