import type { Exchange } from './exchange.ts';
import type { Fault } from './faults.ts';

/** How a dialect answers. Handlers may throw or reject; `refuse` then finds the words. */
export interface DialectServer {
  route(method: string, path: string): Route | undefined;
  /** Answers what no route is for. */
  missing(exchange: Exchange, path: string): void;
  refuse(exchange: Exchange, error: unknown): void;
  /** The dialect's own words for an HTTP status. */
  sendFault(exchange: Exchange, fault: Extract<Fault, { readonly kind: 'status' }>): void;
}

export interface Route {
  /**
   * `probe`: no body, not recorded. `operation`: a body, recorded. `inference`: recorded, and what faults are for.
   */
  readonly kind: 'probe' | 'operation' | 'inference';
  run(exchange: Exchange): void | Promise<void>;
}
