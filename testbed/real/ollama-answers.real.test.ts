import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { comparedCalls } from './calls.ts';
import { compareAnswers } from './compare-answers.ts';
import { type IntendedDifference, intendedDifferences } from './differences.ts';
import { ollamaEnv } from './engines/real-ollama.ts';
import { quietOllama } from './quiet-ollama.ts';
import { findRealEngines } from './real-engines.ts';
import { callWire } from './wire-call.ts';

const { ollama: direct, secondOllama: behind } = findRealEngines();
const spare = { name: '', method: 'POST', path: '/api/copy', body: { source: 'endless', destination: 'spare' } };

/** Two engines in the same state are asked the same things in the same order, one of them through Waggle. */
describe.skipIf(direct === undefined || behind === undefined)(
  'Waggle in front of a real Ollama answers as it does',
  () => {
    let cluster: ProcessCluster;
    const seen = new Set<IntendedDifference>();

    beforeAll(async () => {
      for (const url of [direct, behind]) {
        await callWire(String(url), spare);
        await quietOllama(String(url));
      }
      cluster = await ProcessCluster.start({
        agents: [{ name: 'desk', engineUrl: String(behind), env: ollamaEnv }],
        // What was answered before is to be asked of the engine again: its counts tell whether it still knew the prompt.
        config: 'cache: { maxBytes: 0 }\n',
      });
      await until(
        async () =>
          (await callWire(cluster.url, { name: '', method: 'GET', path: '/api/ps' })).text === '{"models":[]}',
      );
    });
    afterAll(() => cluster?.[Symbol.asyncDispose]());

    it.each(comparedCalls)('$name', async (call) => {
      if (call.fresh === true) for (const url of [String(direct), cluster.url]) await quietOllama(url);
      const fromEngine = await callWire(String(direct), call);
      const fromWaggle = await callWire(cluster.url, call);
      const differences = compareAnswers(fromEngine, fromWaggle);
      const unexplained = differences.filter(({ at }) => {
        const intended = intendedDifferences.filter(({ calls, at: where }) => calls.test(call.name) && where.test(at));
        for (const difference of intended) seen.add(difference);
        return intended.length === 0;
      });
      expect(unexplained).toEqual([]);
    });

    it('differs wherever the list of differences says', () => {
      expect(intendedDifferences.filter((difference) => !seen.has(difference))).toEqual([]);
    });

    it('lists the newest models first', async () => {
      const { text } = await callWire(cluster.url, { name: '', method: 'GET', path: '/api/tags' });
      const { models } = JSON.parse(text) as { models: { modified_at: string }[] };
      const times = models.map(({ modified_at }) => Date.parse(modified_at));
      expect(times).toHaveLength(5);
      expect(times).toEqual(times.toSorted((earlier, later) => later - earlier));
    });
  },
);
