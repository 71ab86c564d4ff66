/** Processor time of the thread that asks. */
import { readFileSync } from 'node:fs';

/** Kernel clock ticks per second in /proc: 100 on every Linux that Node.js runs on. */
const TICKS = 100;

/** In µs since the thread began, in user and kernel mode. */
export function threadCpuUs(): number {
  // Node.js has it since 22.19 and 23.9.
  if (typeof process.threadCpuUsage === 'function') {
    const { user, system } = process.threadCpuUsage();
    return user + system;
  }
  const stat = readFileSync('/proc/thread-self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1e6;
}
