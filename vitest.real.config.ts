import { defineConfig } from 'vitest/config';

/** What `npm run test:real` runs: the end-to-end suite in front of real engines, one file at a time. */
export default defineConfig({
  test: {
    include: ['testbed/real/**/*.real.test.ts'],
    globalSetup: ['testbed/real/global-setup.ts'],
    isolate: false,
    experimental: { viteModuleRunner: false },
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
