import { defineConfig } from 'vitest/config';

/** What `npm test` runs. Tests in front of real engines are in vitest.real.config.ts. */
export default defineConfig({
  test: {
    // Our modules hold no state, so test files may share a worker: several times quicker.
    isolate: false,
    // Node's own loader, so that a test refuses what `node main.ts` would refuse (enum, a missing .ts).
    experimental: { viteModuleRunner: false },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{shared,orchestrator,node-agent,cli,testbed}/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          testTimeout: 10_000,
        },
      },
      {
        extends: true,
        test: { name: 'e2e', include: ['testbed/e2e/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
      },
    ],
  },
});
