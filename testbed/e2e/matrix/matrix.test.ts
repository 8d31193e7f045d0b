import { readFile, writeFile } from 'node:fs/promises';
import { hasLibrary } from '@waggle/node-agent/engines/llama/testing/with-library.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aspects } from './client-api.ts';
import { clientApis } from './client-apis.ts';
import { lookAt } from './look-at.ts';
import { type Row, withTable } from './readme-table.ts';
import { type StartedEngines, startEngines } from './start-engines.ts';

const readme = new URL('../../../README.md', import.meta.url);
const names = ['Ollama', 'OpenAI-compatible', ...(hasLibrary ? ['built-in'] : [])];
const cases = clientApis.flatMap((api) => names.map((engine) => ({ path: api.path, engine, api })));
const rows: Row[] = [];
let started: StartedEngines;

beforeAll(async () => {
  started = await startEngines({ withBuiltin: hasLibrary });
});
afterAll(() => started?.[Symbol.asyncDispose]());

test.each(cases)('$path over $engine', async ({ path, engine: name, api }) => {
  const engine = started.engines.find((each) => each.name === name);
  if (engine === undefined) throw new Error(`no engine ${name}`);
  const cells: Partial<Record<string, Row['cells'][(typeof aspects)[number]]>> = {};
  const troubles: string[] = [];
  for (const aspect of aspects) {
    if (api.lacks.includes(aspect)) {
      cells[aspect] = 'lacking';
      continue;
    }
    try {
      cells[aspect] = await lookAt(aspect, { url: started.url, api, engine });
    } catch (thrown) {
      troubles.push(`${aspect}: ${String(thrown)}`);
    }
  }
  expect(troubles).toEqual([]);
  rows.push({ path, engine: name, cells: cells as Row['cells'] });
});

// The table has rows of the built-in engine, which were not seen then.
test.skipIf(!hasLibrary)('the table in the README says what was seen', async () => {
  const page = await readFile(readme, 'utf8');
  expect(rows).toHaveLength(cases.length);
  const seen = withTable(page, rows);
  // Written anew where a person can look at the change; what was committed has to be right.
  if (seen !== page && process.env['CI'] === undefined) await writeFile(readme, seen);
  expect(page).toBe(seen);
});
