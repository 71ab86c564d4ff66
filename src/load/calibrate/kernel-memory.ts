/** What the kernel keeps for a connection: its objects lie in slabs, which /proc/slabinfo lists with their sizes. */
import { readFileSync } from 'node:fs';

/** Of a TCP connection that somebody polls. */
const OBJECTS = ['TCP', 'sock_inode_cache', 'filp', 'dentry', 'eventpoll_epi'] as const;
/** Of Linux 6.18 on x86-64, where only root may read the file. */
const ELSEWHERE_BYTES = 3_712;
const PAGE_BYTES = 4_096;

export interface KernelMemory {
  readonly bytes: number;
  /** What somebody must know who reads the figure. */
  readonly note: string | null;
}

export function connectionKernelMemory(read = (): string => readFileSync('/proc/slabinfo', 'utf8')): KernelMemory {
  try {
    const text = read();
    return { bytes: OBJECTS.reduce((sum, name) => sum + objectBytes(text, name), 0), note: null };
  } catch {
    const note = `connection_kernel_bytes is that of Linux 6.18 and not measured: /proc/slabinfo is for root, or lists no ${OBJECTS.join(', ')}`;
    return { bytes: ELSEWHERE_BYTES, note };
  }
}

/** With its part of what a slab cannot use. */
function objectBytes(text: string, name: string): number {
  const found = new RegExp(`^${name} +\\d+ +\\d+ +\\d+ +(\\d+) +(\\d+) `, 'm').exec(text);
  if (found === null) throw new Error(`expected ${name} in /proc/slabinfo`);
  return (Number(found[2]) * PAGE_BYTES) / Number(found[1]);
}
