/** What the process takes of the machine. */
import { getHeapStatistics } from 'node:v8';

export interface ProcessUsage {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Since the start. */
  readonly cpuSeconds: number;
}

let lastResident = 0;

/** Asked at every beat: it must not throw. */
export function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return {
    rssBytes: residentBytes(),
    heapBytes: getHeapStatistics().used_heap_size,
    cpuSeconds: (user + system) / 1e6,
  };
}

/** The last figure, where the kernel tells none: Node.js opens a file for it, and a process may have no descriptor left, or no /proc. */
export function residentBytes(): number {
  try {
    lastResident = process.memoryUsage.rss();
  } catch {
    // The last one stands.
  }
  return lastResident;
}
