import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { comparedCalls } from './calls.ts';
import { compareAnswers } from './compare-answers.ts';
import { intendedDifferences } from './differences.ts';
import { quietOllama } from './quiet-ollama.ts';
import { findRealEngines } from './real-engines.ts';
import { callWire, type WireAnswer } from './wire-call.ts';

const { ollama: direct, secondOllama: behind } = findRealEngines();
const spare = { name: '', method: 'POST', path: '/api/copy', body: { source: 'endless', destination: 'spare' } };

/** Two engines in the same state are asked the same things in the same order, one of them through Waggle. */
describe.skipIf(direct === undefined || behind === undefined)(
  'Waggle in front of a real Ollama answers as it does',
  () => {
    let cluster: ProcessCluster;
    const seen = new Set<string>();

    beforeAll(async () => {
      for (const url of [direct, behind]) {
        await callWire(String(url), spare);
        await quietOllama(String(url));
      }
      cluster = await ProcessCluster.start({ agents: [{ name: 'desk', engineUrl: String(behind) }] });
      await until(
        async () =>
          (await callWire(cluster.url, { name: '', method: 'GET', path: '/api/ps' })).text === '{"models":[]}',
      );
    });
    afterAll(() => cluster?.[Symbol.asyncDispose]());

    it.each(comparedCalls)('$name', async (call) => {
      const fromEngine = await callWire(String(direct), call);
      const fromWaggle = await callWire(cluster.url, call);
      const differences = compareAnswers(fromEngine, fromWaggle);
      const unexplained = differences.filter(({ at }) => {
        const intended = intendedDifferences.filter(
          ({ calls, at: where }) => calls.includes(call.name) && where.test(at),
        );
        for (const { reason } of intended) seen.add(`${call.name}: ${reason}`);
        return intended.length === 0;
      });
      expect(unexplained).toEqual([]);
    });

    it('differs everywhere the list of differences says', () => {
      const listed = intendedDifferences.flatMap(({ calls, reason }) => calls.map((call) => `${call}: ${reason}`));
      expect(listed.filter((entry) => !seen.has(entry))).toEqual([]);
    });

    it('lists models in the order of the engine behind it', async () => {
      const names = (answer: WireAnswer) =>
        (JSON.parse(answer.text) as { models: { name: string }[] }).models.map(({ name }) => name);
      const tags = { name: '', method: 'GET', path: '/api/tags' };
      expect(names(await callWire(cluster.url, tags))).toEqual(names(await callWire(String(behind), tags)));
    });
  },
);
