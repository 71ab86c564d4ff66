/** What the process takes of the machine. */

export interface ProcessUsage {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Since the start. */
  readonly cpuSeconds: number;
}

export function processUsage(): ProcessUsage {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return { rssBytes: rss, heapBytes: heapUsed, cpuSeconds: (user + system) / 1e6 };
}
