import type { IncomingMessage } from 'node:http';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { PlainAnswer } from '../errors/plain-answer.ts';
import type { CorsHeaders } from './cross-origin.ts';
import { judgeHops } from './hops.ts';
import type { HostCheck } from './host-check.ts';

export interface GateRules {
  readonly isHostAllowed: HostCheck;
  readonly cors: CorsHeaders;
  /** Empty, or with a leading and without a trailing slash. */
  readonly basePath: string;
  readonly isDraining: () => boolean;
  readonly methodsOf: (path: string) => readonly string[];
  readonly clusterId: string;
}

/** A request passes, is answered at once, or is refused with a ClusterError. */
export type Verdict = undefined | PlainAnswer | ClusterError;
export type Gate = (incoming: IncomingMessage) => Verdict;

/**
 * What every request must pass before any route sees it. It judges what stood on the wire, not a URL built from it, so
 * that gate and router cannot see two different requests. Takes the base path off `incoming.url`.
 */
export function createGate(rules: GateRules): Gate {
  const { isHostAllowed, cors, basePath } = rules;
  return (incoming) => {
    const { headers } = incoming;
    const target = incoming.url ?? '';
    if (target.charCodeAt(0) !== slash) return oddTarget(incoming, target);
    if (!isHostAllowed(headers.host)) return foreignHost(headers.host);
    if (hasTwoHosts(incoming.rawHeaders)) return new ClusterError('bad-request', 'the request names two Hosts');
    // An empty one names nobody; no browser sends it.
    if (headers.origin !== undefined && headers.origin !== '') {
      const answer = judgeOrigin(incoming, headers.origin);
      if (answer !== undefined) return answer;
    }
    const hops = headers['x-waggle-hops'];
    const loop = hops === undefined ? undefined : judgeHops(String(hops), rules.clusterId);
    if (loop !== undefined) return loop;
    if (basePath !== '' && !takeBasePath(incoming, target)) return new ClusterError('not-found', 'not found');
    if (rules.isDraining() && !isHealth(incoming.url ?? '')) {
      return new ClusterError('draining', 'Waggle is shutting down', { details: { retryAfterMs: 1_000 } });
    }
    return undefined;
  };

  function judgeOrigin(incoming: IncomingMessage, origin: string): Verdict {
    if (!cors.isAllowed(origin, incoming.headers.host)) {
      return new ClusterError(
        'forbidden',
        `pages from ${printable(origin)} may not use this API: add the origin to server.origins (or OLLAMA_ORIGINS)`,
      );
    }
    if (incoming.method !== 'OPTIONS') return undefined;
    const methods = rules.methodsOf(pathOf(incoming.url ?? '', basePath));
    const headers = cors.preflight(origin);
    if (methods.length > 0) headers['allow'] = methods.join(', ');
    return { status: 204, body: '', headers };
  }

  function takeBasePath(incoming: IncomingMessage, target: string): boolean {
    if (!target.startsWith(basePath)) return false;
    const rest = target.slice(basePath.length);
    if (rest !== '' && rest[0] !== '/' && rest[0] !== '?') return false;
    incoming.url = rest.startsWith('/') ? rest : `/${rest}`;
    return true;
  }
}

const slash = 0x2f;

/** `*` is for OPTIONS; a whole URL is for proxies, and would let a second host name in beside the Host header. */
function oddTarget(incoming: IncomingMessage, target: string): Verdict {
  if (target === '*' && incoming.method === 'OPTIONS') return { status: 204, body: '' };
  return new ClusterError('bad-request', 'the request target must be a path');
}

function foreignHost(host: string | undefined): ClusterError {
  if (host === undefined) return new ClusterError('bad-request', 'the request names no Host');
  if (host === '') return new ClusterError('forbidden', 'the request names an empty Host');
  return new ClusterError('forbidden', `the Host ${printable(host)} is none of this server's: add it to server.hosts`);
}

/** Node keeps the first; something in between may have looked at the other. */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name !== undefined && name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts > 1;
}

function isHealth(target: string): boolean {
  return target === '/health' || target.startsWith('/health/') || target.startsWith('/health?');
}

function pathOf(target: string, basePath: string): string {
  const path = target.startsWith(basePath) ? target.slice(basePath.length) : target;
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}

function printable(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
