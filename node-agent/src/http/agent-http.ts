import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AgentState } from './agent-state.ts';
import type { Invitations } from './invitations.ts';
import { toMetricsText } from './metrics-text.ts';

export interface AgentHttpOptions {
  readonly state: AgentState;
  /** Undefined: this node is not to be invited. */
  readonly invitations: Invitations | undefined;
}

export interface AgentHttp {
  readonly port: number;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

const bodyMaxBytes = 4_096;

/**
 * The agent's own HTTP port: health, metrics, invitations. Engines are not reached through it. Four routes do without a web
 * framework: one would take 8 MB of a process that is to stay below 80.
 *
 * Rejects with Node's error (`EADDRINUSE`) when the port cannot be had.
 */
export async function listenAgentHttp(options: AgentHttpOptions, host: string, port: number): Promise<AgentHttp> {
  // An import of node:http would load Node's own fetch with it: 5 MB that nothing here needs.
  const { createServer } = process.getBuiltinModule('node:http');
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) => {
    answer(options, request).then(
      (given) => send(response, given, request.method === 'HEAD'),
      () => send(response, toJson(500, { error: 'internal error' }), false),
    );
  });
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) };
}

async function answer({ state, invitations }: AgentHttpOptions, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? '/').split('?')[0];
  const { method } = request;
  const isRead = method === 'GET' || method === 'HEAD';
  switch (path) {
    case '/health':
      return isRead ? toJson(200, toHealth(state)) : wrongMethod;
    case '/metrics':
      if (!isRead) return wrongMethod;
      return toMetricsText(state).then(({ text, contentType }) => ({ status: 200, body: text, contentType }));
    case '/invitation':
      if (invitations === undefined) return toJson(409, { error: 'this node was told which orchestrator to join' });
      if (method === 'GET') return toJson(200, { ...toName(state), nonce: invitations.makeNonce() });
      return method === 'POST' ? accept(state, invitations, request) : wrongMethod;
    default:
      return toJson(404, { error: 'not found; this is a Waggle agent with /health, /metrics and /invitation' });
  }
}

async function accept(state: AgentState, invitations: Invitations, request: IncomingMessage): Promise<Answer> {
  // A page in somebody's browser says where it comes from; an orchestrator does not.
  if (request.headers.origin !== undefined) return toJson(403, { error: 'not from a web page' });
  const text = await readBody(request);
  if (text === undefined) return toJson(413, { error: 'the body is too large' });
  const peer = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const accepted = invitations.accept(parse(text), peer);
  return accepted.status === 202 ? toJson(202, toName(state)) : toJson(accepted.status, { error: accepted.problem });
}

function toHealth(state: AgentState): object {
  const report = state.report();
  const engines = report.engines.map(({ engineId, kind, url, health, problem, slots, models }) => ({
    engineId,
    kind,
    url,
    health,
    problem,
    slots,
    models: models.length,
  }));
  const { version } = state.identity;
  return { status: 'ok', ...toName(state), version, draining: report.draining, link: state.link(), engines };
}

function toName({ identity: { name, nodeId } }: AgentState): { readonly name: string; readonly nodeId: string } {
  return { name, nodeId };
}

const wrongMethod = toJson(405, { error: 'method not allowed' });

function toJson(status: number, body: object): Answer {
  return { status, body: JSON.stringify(body) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Undefined when it is longer than an invitation can be. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyMaxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(
  response: ServerResponse,
  { status, body, contentType = 'application/json' }: Answer,
  isHead: boolean,
): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { server: 'waggle', 'content-type': contentType, 'content-length': bytes.length });
  response.end(isHead ? undefined : bytes);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
