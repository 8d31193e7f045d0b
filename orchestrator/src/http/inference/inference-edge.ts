import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { CacheControl, CacheWish, JudgedRequest } from '../../caching/cache-wish.ts';
import type { Inference } from '../../inference/inference.ts';
import type { ModelResidency } from '../../operations/model-residency.ts';
import type { BodyReader } from '../body/body-reader.ts';
import type { JsonParser } from '../body/parse-json.ts';
import type { FailureRenderer } from '../errors/failure-renderer.ts';
import type { CorsHeaders } from '../middleware/cross-origin.ts';
import type { Pulse } from '../pulse.ts';
import type { RequestIds } from '../request-id.ts';
import type { DirectHandler, Handler, Route } from '../route.ts';
import type { RunningRequests } from '../running-requests.ts';
import { InferenceExchange } from './inference-exchange.ts';
import type { KnownBodies } from './known-bodies.ts';
import type { Translation } from './translation.ts';
import type { UnsentBytes } from './unsent-bytes.ts';

export interface InferenceEdgeDeps {
  readonly inference: Inference;
  readonly residency: ModelResidency;
  readonly bodies: BodyReader;
  readonly failures: FailureRenderer;
  readonly cors: CorsHeaders;
  readonly requestIds: RequestIds;
  readonly running: RunningRequests;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Beats for silent streams. */
  readonly pulse: Pulse;
  readonly json: JsonParser;
  /** Longest pause in which a client takes no byte of its answer. */
  readonly writeTimeoutMs: number;
  readonly unsentBytes: UnsentBytes;
  /** Deadline in milliseconds of requests for a model that state none. */
  readonly timeoutOf: (model: string) => number | undefined;
  readonly knownBodies: KnownBodies;
  /** What a request wants of the cache. */
  readonly cacheWish: (request: JudgedRequest, control: CacheControl) => CacheWish | undefined;
}

/** Where the generation routes meet the node objects. */
export class InferenceEdge {
  readonly #deps: InferenceEdgeDeps;

  constructor(deps: InferenceEdgeDeps) {
    this.#deps = deps;
  }

  /** The route of a generation endpoint. Its handler writes to the node response itself. */
  route(
    path: string,
    endpoint: EndpointName,
    options: { readonly alwaysStream?: boolean; readonly translation?: Translation } = {},
  ): Route {
    const { running } = this.#deps;
    const { alwaysStream = false, translation } = options;
    const direct: DirectHandler = (incoming, outgoing) => {
      const exchange = new InferenceExchange(this.#deps, { endpoint, incoming, outgoing, alwaysStream, translation });
      running.add(exchange);
      void exchange.run(() => running.delete(exchange));
    };
    const handler: Handler = ({ env }) => {
      direct(env.incoming, env.outgoing);
      return RESPONSE_ALREADY_SENT;
    };
    return { method: 'POST', path, handler, direct };
  }
}
