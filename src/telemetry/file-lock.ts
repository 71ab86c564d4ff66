/** Keeps a directory to one process. A lock whose process is gone counts for nothing: `kill -9` leaves it behind. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

export class FileLock {
  private readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * @param advice for an operator whose process is refused
   * @throws Error when a process that lives has it
   */
  static take(path: string, advice: string): FileLock {
    const own = identity(process.pid);
    try {
      writeFileSync(path, own, { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = readFileSync(path, 'utf8');
      if (isAlive(holder) && (holder !== own || held.has(path)))
        throw new Error(
          `expected a directory of this process alone, but process ${holder.split(' ')[0]} uses it (${path}): ${advice}`,
          { cause: error },
        );
      writeFileSync(path, own);
    }
    held.add(path);
    return new FileLock(path);
  }

  release(): void {
    held.delete(this.path);
    rmSync(this.path, { force: true });
  }
}

/** By this process: several nodes may live in one. */
const held = new Set<string>();

/** Process ids come again, also in a container that is started anew, so the time of the start belongs to it. */
function identity(pid: number): string {
  return `${pid} ${startOf(pid)}`;
}

/** In ticks since the machine was started; `''` where the system does not say. */
function startOf(pid: number): string {
  try {
    // The name of the program, in parentheses, may hold anything.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()?.split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(holder: string): boolean {
  const pid = Number(holder.split(' ')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return identity(pid) === holder;
}
