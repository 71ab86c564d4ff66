/**
 * Time as if the machine did nothing else: without that in which this process, or a server that it talks to, wanted a
 * processor and had none. Beside five busy workers a thread waits for hundreds of milliseconds for its turn.
 */
import { readFileSync } from 'node:fs';

/** @param servers ids of further processes that what is measured waits for; @returns own milliseconds since now */
export function ownTimer(...servers: readonly number[]): () => number {
  const processes = [process.pid, ...servers];
  const waits = (): number => processes.reduce((sum, pid) => sum + withoutProcessor(pid), 0);
  const [started, before] = [performance.now(), waits()];
  return () => Math.max(0, performance.now() - started - (waits() - before));
}

/** Milliseconds that a process's first thread has waited for a processor so far (Linux: `/proc/pid/task/tid/schedstat`). */
function withoutProcessor(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
