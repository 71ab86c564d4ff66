import { defineConfig } from 'vitest/config';
import { SpreadWaiting } from './test/harness/spread-waiting.ts';

const report = process.env['VITEST_JSON'];

/** What all parts of the suite have in common. */
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

/** With real processes: they are started from a server that is built once for a run. */
const scenarios = { ...common, globalSetup: 'test/harness/built-server.ts' } as const;

/** Tests that compare how long others wait: what runs beside them would be what they measure. */
const TIMED = ['test/hostile/neighbours*.test.ts', 'test/apps/rights-changed.test.ts'];

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', 'json'],
    ...(report !== undefined && { outputFile: { json: report } }),
    // Most files wait for servers, Redis and timers most of the time: two workers a core leave them idle for a tenth of the time.
    maxWorkers: 4,
    sequence: { sequencer: SpreadWaiting },
    projects: [
      { test: { ...common, name: 'rooms', include: ['src/**/*.test.ts'] } },
      { test: { ...scenarios, name: 'scenarios', include: ['test/**/*.test.ts'], exclude: TIMED } },
      { test: { ...scenarios, name: 'timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
