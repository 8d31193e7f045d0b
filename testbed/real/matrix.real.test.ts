import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Aspect, aspects } from '../e2e/matrix/client-api.ts';
import { clientApis } from '../e2e/matrix/client-apis.ts';
import { lookAt } from '../e2e/matrix/look-at.ts';
import type { MatrixEngine } from '../e2e/matrix/matrix-engine.ts';
import { cellIn } from '../e2e/matrix/readme-table.ts';
import { ProcessCluster } from '../src/cluster/process-cluster.ts';
import { ollamaEnv } from './engines/real-ollama.ts';
import { findRealEngines } from './real-engines.ts';
import { reportText, resultText, thoughtText, voiceText } from './spoken-texts.ts';

const { ollama: engineUrl, llamaServer } = findRealEngines();
const missing = engineUrl === undefined || llamaServer === undefined;

const common = {
  words: {
    all: voiceText,
    firstThree: 'Bees tell each',
    stop: ' dancing',
    beforeStop: 'Bees tell each other where the flowers are by',
  },
  thought: thoughtText,
  concluded: resultText,
  tool: {
    name: 'get_temperature',
    parameters: { type: 'object', properties: { city: { type: 'string', description: 'Its name' } } },
  },
  given: { city: 'Lisbon' },
  report: reportText,
  checkImage: () => undefined,
};
/** Neither has a model that sees; the one of the llama-server calls no tools, does not think and ends by itself. */
const engines: readonly MatrixEngine[] = [
  {
    ...common,
    name: 'Ollama',
    node: 'desk',
    shows: new Set(aspects.filter((aspect) => aspect !== 'images')),
    models: { words: 'voice', thinker: 'thinker', caller: 'voice', seer: 'voice', endless: 'endless' },
  },
  {
    ...common,
    name: 'OpenAI-compatible',
    node: 'server',
    shows: new Set<Aspect>(['text', 'JSON schema', 'logprobs', 'usage', 'stop reasons', 'errors']),
    models: {
      words: 'llama-voice',
      thinker: 'llama-voice',
      caller: 'llama-voice',
      seer: 'llama-voice',
      endless: 'llama-voice',
    },
  },
];
const cases = clientApis.flatMap((api) =>
  engines.map((engine) => ({ path: api.path, name: engine.name, api, engine })),
);

let cluster: ProcessCluster;
let page: string;

beforeAll(async () => {
  if (missing) return;
  page = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  cluster = await ProcessCluster.start({
    agents: [
      { name: 'desk', engineUrl, env: ollamaEnv },
      { name: 'server', engineUrl: llamaServer },
    ],
  });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe.skipIf(missing)('real engines are as the table in the README says', () => {
  test.each(cases)('$path over $name', async ({ path, api, engine }) => {
    const troubles: string[] = [];
    for (const aspect of engine.shows) {
      if (api.lacks.includes(aspect)) continue;
      try {
        const outcome = await lookAt(aspect, { url: cluster.url, api, engine });
        const told = cellIn(page, { path, engine: engine.name }, aspect);
        expect(outcome === 'yes' ? 'yes' : '400').toBe(told?.slice(0, 3));
      } catch (thrown) {
        troubles.push(`${aspect}: ${String(thrown)}`);
      }
    }
    expect(troubles).toEqual([]);
  });
});
