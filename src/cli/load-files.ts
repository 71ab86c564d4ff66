/** What a run of load needs of this process: descriptors for its connections, and files that it can write in the end. */
import { closeSync, openSync } from 'node:fs';
import { UsageError } from './command.ts';

/** Descriptors that are not connections: modules, threads, the terminal. */
const OTHER_DESCRIPTORS = 60;

/** Every connection is a descriptor; finding out half-way would look like a fault of the server. */
export function expectDescriptors(connections: number): void {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  const limit = Number(report.userLimits?.open_files?.soft ?? Infinity);
  if (connections + OTHER_DESCRIPTORS > limit)
    throw new UsageError(
      `expected at most ${limit - OTHER_DESCRIPTORS} connections, because this process may open ${limit} files, got ${connections}: raise ulimit -n`,
    );
}

/** A report that cannot be written is found out before the run, not after it. */
export function expectWritable(files: readonly (string | undefined)[]): void {
  for (const file of files) {
    if (file === undefined) continue;
    try {
      closeSync(openSync(file, 'a'));
    } catch (error) {
      throw new UsageError(`expected a file that can be written, got ${file}: ${(error as Error).message}`);
    }
  }
}
