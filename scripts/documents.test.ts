import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** What a document names below one of the packages must be there: the map of a house that was rebuilt leads astray. */
const path = /`((?:orchestrator|node-agent|shared|cli|testbed|scripts)\/[\w./-]+)`/g;
const documents = ['README.md', 'ARCHITECTURE.md', 'orchestrator/src/scheduling/design.md'];

test.each(documents)('%s names nothing that is not there', (document) => {
  const named = [...readFileSync(document, 'utf8').matchAll(path)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((name) => !existsSync(name))).toEqual([]);
});

test('the map has every folder of the orchestrator and of the agent', () => {
  const map = readFileSync('ARCHITECTURE.md', 'utf8');
  for (const source of ['orchestrator/src', 'node-agent/src', 'shared/src']) {
    const folders = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const missing = folders.filter(
      ({ name }) => name !== 'testing' && !map.includes(`\`${name}\``) && !map.includes(`/${name}`),
    );
    expect([source, missing.map(({ name }) => name)]).toEqual([source, []]);
  }
});
