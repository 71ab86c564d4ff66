import { defineConfig } from 'vitest/config';
import { SpreadWaiting } from './test/harness/spread-waiting.ts';

const report = process.env['VITEST_JSON'];

/** `vitest run src/…`: no file among them starts the server as a process, so it need not be built. */
const words = process.argv.slice(2);
const isRoomsOnly = words.some((word) => word.startsWith('src')) && !words.some((word) => word.startsWith('test'));

/** What all parts of the suite have in common. */
const common = {
  pool: 'forks',
  // Every wait has a deadline of its own (test/harness/deadline.ts): these are for what has none, on a machine of any speed.
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // Files share processes, and what they start ends with them: starting a process for every file took longer than most tests.
  isolate: false,
  // Node runs the source as it is: transforming it cost a fifth of the time, and what is tested is then not what is run.
  experimental: { viteModuleRunner: false, nodeLoader: false },
  setupFiles: 'test/harness/setup.ts',
  // Real processes are started from a server that is built and bundled once for a run.
  ...(!isRoomsOnly && { globalSetup: 'test/harness/build-server.ts' }),
} as const;

/** Tests that count the steps of the source: the counters must be there before the source is. */
const COUNTED = ['{src,test/hostile}/**/*growth.test.ts'];

/** Tests that compare times: what runs beside them would be what they measure. */
const TIMED = ['test/hostile/linear.test.ts', 'test/hostile/neighbours*.test.ts', 'test/apps/rights-changed.test.ts'];

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', 'json'],
    ...(report !== undefined && { outputFile: { json: report } }),
    // Most files wait for servers, Redis and timers most of the time: two workers a core leave them idle for a fifth of the time.
    // Three in all took 1,045 s in place of 790.
    maxWorkers: 5,
    sequence: { sequencer: SpreadWaiting },
    projects: [
      // One project: files of two never share a process, and each process loads all that it tests anew.
      { test: { ...common, name: 'all', include: ['{src,test}/**/*.test.ts'], exclude: [...COUNTED, ...TIMED] } },
      {
        test: {
          ...common,
          name: 'counted',
          include: COUNTED,
          setupFiles: [common.setupFiles, 'test/harness/counted.ts'],
        },
      },
      { test: { ...common, name: 'timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
