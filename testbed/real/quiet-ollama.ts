import { until } from '../src/cluster/process-cluster.ts';
import { callWire } from './wire-call.ts';

/** Unloads every model, so that nothing is cached, and waits until the engine says so. */
export async function quietOllama(url: string): Promise<void> {
  for (const model of ['voice', 'thinker', 'endless', 'slow', 'tiny-embed']) {
    await callWire(url, { name: '', method: 'POST', path: '/api/generate', body: { model, keep_alive: 0 } });
  }
  await until(async () => (await callWire(url, { name: '', method: 'GET', path: '/api/ps' })).text === '{"models":[]}');
}
