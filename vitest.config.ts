import { defineConfig } from 'vitest/config';

const report = process.env['VITEST_JSON'];

/** What both halves of the suite have in common. */
const common = {
  pool: 'forks',
  testTimeout: 20_000,
  hookTimeout: 20_000,
  // Files share processes, and what they start ends with them: starting a process for every file took longer than most tests.
  isolate: false,
  // Node runs the source as it is: transforming it cost a fifth of the time, and what is tested is then not what is run.
  experimental: { viteModuleRunner: false, nodeLoader: false },
  setupFiles: 'test/harness/setup.ts',
} as const;

export default defineConfig({
  test: {
    // Most files wait for servers, Redis and timers most of the time: one worker a core leaves the cores idle.
    maxWorkers: 3,
    reporters: report === undefined ? ['default'] : ['default', 'json'],
    ...(report !== undefined && { outputFile: { json: report } }),
    projects: [
      { test: { ...common, name: 'rooms', include: ['src/**/*.test.ts'] } },
      {
        test: {
          ...common,
          name: 'scenarios',
          include: ['test/**/*.test.ts'],
          globalSetup: 'test/harness/built-server.ts',
        },
      },
    ],
  },
});
