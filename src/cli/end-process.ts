/** The end of a process that has printed something. */
import type { ExitCode } from './command.ts';

/**
 * Ends the process once everything that it printed has been taken. Writing to a pipe is synchronous only while the pipe has room:
 * `process.exit` alone cut the output of a verb short when its reader was slow. A reader that is gone keeps nobody.
 */
export async function endProcess(code: ExitCode): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map(taken));
  process.exit(code);
}

function taken(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0 || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
