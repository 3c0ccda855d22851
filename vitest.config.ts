import { defineConfig } from 'vitest/config';

/** Tests that start nothing outside their own process tree and need no privilege. */
const UNIT = ['sidecar/**/*.test.ts', 'scripts/**/*.test.ts', 'test/{lab,bench,cluster,support,unit}/**/*.test.ts'];

export default defineConfig({
  test: {
    coverage: {
      provider: 'v8',
      include: ['sidecar/**/*.ts'],
      exclude: ['sidecar/**/*.test.ts', 'sidecar/testing/**'],
      reporter: ['text-summary', 'html'],
    },
    teardownTimeout: 30_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: UNIT,
          testTimeout: 20_000,
          hookTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Namespaces, addresses and measured times: one file after the other, and not beside the unit tests.
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: UNIT,
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
