import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import type { RequestFacts } from '@waggle/shared/dialects/requests/request-facts.ts';
import { LRUCache } from 'lru-cache';
import type { CacheWish } from '../../caching/cache-wish.ts';

/** What a request's body says, as far as it can be known without asking for anything else. */
export interface UnderstoodBody {
  readonly facts: RequestFacts;
  /** Of embeddings. */
  readonly encoding: 'float' | 'base64';
  readonly cacheWish: CacheWish | undefined;
}

/** Characters of all bodies together: one byte each. */
const mostCharacters = 8_388_608;
const longestBody = 65_536;

/**
 * What was understood of the bodies that came last and may be answered from the cache. Where the very same bytes come again they are not
 * parsed, judged and hashed again: that costs more than finding the answer.
 */
export class KnownBodies {
  readonly #understood = new LRUCache<string, UnderstoodBody>({
    maxSize: mostCharacters,
    sizeCalculation: (_, text) => text.length,
  });

  find(endpoint: EndpointName, body: Buffer): UnderstoodBody | undefined {
    if (this.#understood.size === 0 || body.length > longestBody) return undefined;
    return this.#understood.get(keyOf(endpoint, body));
  }

  keep(endpoint: EndpointName, body: Buffer, understood: UnderstoodBody): void {
    if (understood.cacheWish !== undefined && body.length <= longestBody) {
      this.#understood.set(keyOf(endpoint, body), understood);
    }
  }
}

/** The endpoint's name as long as it is, then a space: no body can end up under another endpoint. */
function keyOf(endpoint: EndpointName, body: Buffer): string {
  return `${endpoint} ${body.toString('latin1')}`;
}
