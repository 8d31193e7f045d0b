import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { Hono } from 'hono';
import { attemptsHeader, noAttempts } from './answer-headers.ts';
import { judgePath, toEntity } from './clean-path.ts';
import { type ErrorForm, errorFormOf, idHeaders } from './errors/error-form.ts';
import type { FailureRenderer } from './errors/failure-renderer.ts';
import { type PlainAnswer, sendPlain, serverName, toResponse } from './errors/plain-answer.ts';
import { sendAndHangUp } from './errors/send-and-hang-up.ts';
import type { PatienceOptions } from './inference/reader-patience.ts';
import type { CorsHeaders } from './middleware/cross-origin.ts';
import type { Gate } from './middleware/gate.ts';
import type { RequestIds } from './request-id.ts';
import type { DirectHandler, HttpEnv, Route } from './route.ts';
import type { RunningRequests } from './running-requests.ts';
import { watchReader } from './watch-reader.ts';

export interface WebAppDeps {
  readonly routes: readonly Route[];
  readonly methodsOf: (path: string) => readonly string[];
  readonly gate: Gate;
  /** In front of every path that stands in an answer. */
  readonly basePath: string;
  readonly failures: FailureRenderer;
  readonly cors: CorsHeaders;
  readonly requestIds: RequestIds;
  readonly running: RunningRequests;
  /** With clients that do not read. */
  readonly patience: PatienceOptions;
  readonly clock: Clock;
}

export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * The routes behind their gate, as a listener for node's server. Each route is one handler without middleware of its own,
 * which Hono calls directly; what every answer has in common is done around it.
 */
export function createWebApp(deps: WebAppDeps): NodeListener {
  const { gate, failures, cors, requestIds, running, clock } = deps;
  const app = new Hono<HttpEnv>();
  for (const { method, path, handler } of deps.routes) {
    // Hono looks for a HEAD among the GETs.
    if (method === 'HEAD')
      app.get(path, (context) => (context.req.raw.method === 'HEAD' ? handler(context) : context.notFound()));
    else app.on(method, path, handler);
  }
  app.notFound(({ req, env: { incoming } }) => toResponse(notRouted(deps, toSought(req.method, req.url, incoming))));
  app.onError((thrown, { req, env }) => {
    const { headers } = env.incoming;
    return toResponse(failures.render(thrown, errorFormOf(req.path, headers), requestIds(headers['x-request-id'])));
  });

  const direct = new Map<string, DirectHandler>();
  for (const route of deps.routes) if (route.direct !== undefined) direct.set(route.path, route.direct);

  const fetch = (request: Request, env: HttpEnv['Bindings']): Response | Promise<Response> => {
    if (request.method === 'HEAD' && !deps.methodsOf(pathOf(request.url)).includes('HEAD')) {
      return mark(toResponse(notRouted(deps, toSought('HEAD', request.url, env.incoming))), env.incoming);
    }
    const response = app.fetch(request, env);
    if (response === RESPONSE_ALREADY_SENT) return response;
    watchReader(env.outgoing, deps.patience);
    if (!(response instanceof Promise)) return mark(response, env.incoming);
    track(env.outgoing);
    return response.then((settled) => mark(settled, env.incoming));
  };

  // An operation that streams goes on after its handler returned; it ends with its response.
  const track = (outgoing: ServerResponse): void => {
    const request = { seat: notSeated, shutDown: () => void outgoing.destroy() };
    running.add(request);
    outgoing.on('close', () => running.delete(request));
  };

  const mark = (response: Response, { headers, url = '' }: IncomingMessage): Response => {
    response.headers.set('server', serverName);
    const list = idHeaders(errorFormOf(url, headers), requestIds(headers['x-request-id']));
    cors.append(list, headers.origin);
    for (let at = 0; at + 1 < list.length; at += 2) response.headers.set(list[at] ?? '', list[at + 1] ?? '');
    if (!response.headers.has(attemptsHeader)) response.headers.set(...noAttempts);
    return response;
  };

  const listener = getRequestListener((request, env) => fetch(request, env as HttpEnv['Bindings']));
  return (incoming, outgoing) => {
    const verdict = gate(incoming);
    if (verdict === undefined) {
      const handler = incoming.method === 'POST' ? direct.get(incoming.url ?? '') : undefined;
      if (handler !== undefined) {
        handler(incoming, outgoing);
        return;
      }
      const mended = judgePath(incoming.method ?? '', incoming.url ?? '', deps.basePath);
      if (mended === undefined) {
        dropEmptyPort(incoming.headers);
        // One id for all that is said of the request: a fresh one is not made twice.
        incoming.headers['x-request-id'] = requestIds(incoming.headers['x-request-id']);
        void listener(incoming, outgoing);
        return;
      }
      const requestId = requestIds(incoming.headers['x-request-id']);
      const headers = ['server', serverName, 'x-request-id', requestId, ...noAttempts];
      cors.append(headers, incoming.headers.origin);
      sendPlain(outgoing, mended, headers);
      return;
    }
    const requestId = requestIds(incoming.headers['x-request-id']);
    const isRefusal = verdict instanceof ClusterError;
    const form = errorFormOf(incoming.url ?? '', incoming.headers);
    const answer = isRefusal ? failures.render(verdict, form, requestId) : verdict;
    const headers = ['server', serverName, ...idHeaders(form, requestId), ...noAttempts];
    const { origin, host } = incoming.headers;
    if (isRefusal && origin !== undefined && cors.isAllowed(origin, host)) cors.append(headers, origin);
    if (isRefusal) sendAndHangUp(incoming, outgoing, { answer, headers, clock });
    else sendPlain(outgoing, answer, headers);
  };
}

/** What was asked for, with a route or without. */
export interface Sought {
  readonly method: string;
  readonly path: string;
  /** With its question mark; empty without one. */
  readonly query: string;
  readonly form: ErrorForm;
  readonly requestId: string;
}

function toSought(method: string, url: string, { headers }: IncomingMessage): Sought {
  const path = pathOf(url);
  const requestId = String(headers['x-request-id'] ?? '');
  return { method, path, query: queryOf(url), form: errorFormOf(path, headers), requestId };
}

/** No route: a wrong method where the path has others, else nothing at all; in the words of the path's dialect. */
export function notRouted(
  { methodsOf, failures, basePath }: WebAppDeps,
  { method, path, query, form, requestId }: Sought,
): PlainAnswer {
  const allowed = methodsOf(path);
  if (allowed.length === 0 && path.endsWith('/')) {
    const bare = path.slice(0, -1);
    if (methodsOf(bare).includes(method)) return redirect(method, basePath + bare + query);
  }
  const headers = allowed.length === 0 ? undefined : { allow: allowed.join(', ') };
  if (form !== 'ollama') {
    const error =
      allowed.length === 0
        ? new ClusterError('not-found', `unknown route: ${method} ${path}`)
        : new ClusterError('method-not-allowed', `${path} has ${allowed.join(', ')}, not ${method}`);
    return { ...failures.render(error, form, requestId), ...(headers && { headers }) };
  }
  const [status, body] = allowed.length === 0 ? [404, '404 page not found'] : [405, '405 method not allowed'];
  return { status, body, contentType: 'text/plain', ...(headers && { headers }) };
}

/** Hono's adapter takes a Host such as `localhost:` for none. */
function dropEmptyPort(headers: IncomingMessage['headers']): void {
  if (headers.host?.endsWith(':') === true) headers.host = headers.host.slice(0, -1);
}

/** A slash too many, as Ollama mends it: other methods than GET must come again with their body. */
function redirect(method: string, location: string): PlainAnswer {
  if (method !== 'GET') return { status: 307, body: '', headers: { location } };
  const body = `<a href="${location.replace(/[&<>"']/g, toEntity)}">Moved Permanently</a>.\n\n`;
  return { status: 301, body, contentType: 'text/html; charset=utf-8', headers: { location } };
}

function queryOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? '' : url.slice(query);
}

function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf(':') + 3);
  const query = url.indexOf('?', start);
  return query === -1 ? url.slice(start) : url.slice(start, query);
}
