import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { AgentState } from './agent-state.ts';
import type { Invitations } from './invitations.ts';
import { toMetricsText } from './metrics-text.ts';

export interface AgentHttpOptions {
  readonly state: AgentState;
  /** Undefined: this node is not to be invited. */
  readonly invitations: Invitations | undefined;
}

const invitationMaxBytes = 4_096;

/** The agent's own HTTP port: health, metrics, invitations. Engines are not reached through it. */
export function createAgentApp({ state, invitations }: AgentHttpOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header('server', 'waggle');
  });
  app.get('/health', (context) => {
    const report = state.report();
    const { name, nodeId, version } = state.identity;
    const engines = report.engines.map(({ engineId, kind, url, health, problem, slots, models }) => ({
      engineId,
      kind,
      url,
      health,
      problem,
      slots,
      models: models.length,
    }));
    return context.json({
      status: 'ok',
      name,
      nodeId,
      version,
      draining: report.draining,
      link: state.link(),
      engines,
    });
  });
  app.get('/metrics', async (context) => {
    const { text, contentType } = await toMetricsText(state);
    return context.body(text, 200, { 'content-type': contentType });
  });
  if (invitations === undefined) return app;
  app.get('/invitation', (context) => {
    const { name, nodeId } = state.identity;
    return context.json({ name, nodeId, nonce: invitations.makeNonce() });
  });
  app.post('/invitation', bodyLimit({ maxSize: invitationMaxBytes }), async (context) => {
    // A page in somebody's browser says where it comes from; an orchestrator does not.
    if (context.req.header('origin') !== undefined) return context.json({ error: 'not from a web page' }, 403);
    const body: unknown = await context.req.json().catch(() => undefined);
    const peer = getConnInfo(context).remote.address ?? '';
    const answer = invitations.accept(body, peer.replace(/^::ffff:/, ''));
    if (answer.status === 202) return context.json({ name: state.identity.name }, 202);
    return context.json({ error: answer.problem }, answer.status);
  });
  return app;
}

export interface AgentHttp {
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects with Node's error (`EADDRINUSE`) when the port cannot be had. */
export async function listenAgentHttp(app: Hono, host: string, port: number): Promise<AgentHttp> {
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, getRequestListener(app.fetch));
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => closeServer(server),
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
