/** Slices begin and end when the server sleeps: all the work of a slice is counted then, and to the microsecond. */
import { allAtRest, atRest, reached } from '../../src/load/process-figures.ts';
import type { Slice } from './contest.ts';

export { allAtRest, atRest, reached };

/** Work from rest to rest: what it cost the server, and how busy this process was with it. */
export async function measured(
  pid: number,
  run: () => Promise<void>,
): Promise<{ cpu: number; generatorCpuShare: Slice['generatorCpuShare'] }> {
  const before = await atRest(pid);
  const own = process.cpuUsage();
  const started = performance.now();
  await run();
  const seconds = (performance.now() - started) / 1_000;
  const { user, system } = process.cpuUsage(own);
  return { cpu: (await atRest(pid)) - before, generatorCpuShare: (user + system) / 1e6 / seconds };
}
