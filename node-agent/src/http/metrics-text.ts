import type { AgentState } from './agent-state.ts';

/** Prometheus' text format. prom-client is loaded with the first question: most agents are never asked. */
export async function toMetricsText(
  state: AgentState,
): Promise<{ readonly text: string; readonly contentType: string }> {
  const { Registry, Gauge, Counter, collectDefaultMetrics } = await import('prom-client');
  const registry = new Registry();
  const registers = [registry];
  const labelNames = ['engine'];
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });
  const counter = (name: string, help: string, more: string[] = []) =>
    new Counter({ name, help, labelNames: [...labelNames, ...more], registers });

  const up = gauge('waggle_engine_up', '1 while the engine answers');
  const slots = gauge('waggle_engine_slots', 'Jobs the engine may be given at once');
  const running = gauge('waggle_jobs_running', 'Jobs on the engine now');
  const waiting = gauge('waggle_jobs_waiting', 'Jobs queued inside the agent: 0 as long as the lanes are right');
  const loaded = gauge('waggle_models_loaded', 'Models that are resident');
  const jobs = counter('waggle_jobs_total', 'Jobs by outcome', ['outcome']);
  const declined = counter('waggle_jobs_declined_total', 'Jobs given back without having begun');
  const prompt = counter('waggle_prompt_tokens_total', 'Prompt tokens, as the engines count them');
  const completion = counter('waggle_completion_tokens_total', 'Generated tokens, as the engines count them');
  const report = state.report();
  const engineJobs = state.jobs();
  for (const { engineId: engine, health, slots: ofEngine, models } of report.engines) {
    up.set({ engine }, health === 'up' ? 1 : 0);
    slots.set({ engine }, ofEngine);
    loaded.set({ engine }, models.filter((model) => model.state === 'hot').length);
    const own = engineJobs.get(engine);
    running.set({ engine }, own?.running ?? 0);
    waiting.set({ engine }, own?.waiting ?? 0);
    if (own === undefined) continue;
    for (const [outcome, count] of Object.entries(own.counts.ended)) jobs.inc({ engine, outcome }, count);
    declined.inc({ engine }, own.counts.declined);
    prompt.inc({ engine }, own.counts.promptTokens);
    completion.inc({ engine }, own.counts.completionTokens);
  }
  const memory = new Gauge({ name: 'waggle_memory_available_bytes', help: 'Memory the machine has left', registers });
  memory.set(report.memoryAvailableBytes);
  const joined = new Gauge({ name: 'waggle_joined', help: '1 while the node is in a cluster', registers });
  joined.set(state.link().state === 'joined' ? 1 : 0);
  const info = new Gauge({ name: 'waggle_build_info', help: 'Version of Waggle', labelNames: ['version'], registers });
  info.set({ version: state.identity.version }, 1);
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1_000 });
  return { text: await registry.metrics(), contentType: registry.contentType };
}
