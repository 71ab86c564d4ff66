/** What runs here and within which limits: read off the process, the kernel and the container. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { openFiles } from './open-files.ts';
import { residentBytes } from './process-usage.ts';

export interface ProcessFacts {
  readonly pid: number;
  readonly cpus: number;
  /** `null` where the kernel does not say. */
  readonly open_files: number | null;
  readonly open_files_limit: number | null;
  readonly memory_bytes: number;
  /** Of the container, else of the machine. */
  readonly memory_limit_bytes: number;
  readonly is_container_limit: boolean;
  readonly heap_bytes: number;
  readonly heap_limit_bytes: number;
  readonly somaxconn: number | null;
  readonly local_ports: readonly [from: number, to: number] | null;
}

export function processFacts(): ProcessFacts {
  const { memory, isContainer } = memoryLimit();
  const { used_heap_size: heap, heap_size_limit: heapLimit } = getHeapStatistics();
  return {
    pid: process.pid,
    cpus: availableParallelism(),
    open_files: openFiles(performance.now()),
    open_files_limit: openFilesLimit(),
    memory_bytes: residentBytes(),
    memory_limit_bytes: memory,
    is_container_limit: isContainer,
    heap_bytes: heap,
    heap_limit_bytes: heapLimit,
    somaxconn: numbersIn('/proc/sys/net/core/somaxconn')[0] ?? null,
    local_ports: localPorts(),
  };
}

/** The libc that this Node.js runs with; `null` for one that is not glibc. */
export function glibcVersion(): string | null {
  const { header } = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? null;
}

/** @returns `null` where there is no /proc; infinite when there is no limit */
function openFilesLimit(): number | null {
  const [, soft] = /^Max open files\s+(\S+)/m.exec(textOf('/proc/self/limits')) ?? [];
  if (soft === undefined) return null;
  return soft === 'unlimited' ? Infinity : Number(soft);
}

function memoryLimit(): { readonly memory: number; readonly isContainer: boolean } {
  const limit = process.constrainedMemory();
  const isContainer = limit > 0 && limit < totalmem();
  return { memory: isContainer ? limit : totalmem(), isContainer };
}

function localPorts(): ProcessFacts['local_ports'] {
  const [from, to] = numbersIn('/proc/sys/net/ipv4/ip_local_port_range');
  return from === undefined || to === undefined ? null : [from, to];
}

function numbersIn(path: string): readonly number[] {
  return textOf(path).split(/\s+/).filter(Boolean).map(Number);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
