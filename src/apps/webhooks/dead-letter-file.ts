/** Dead letters in a file of lines: the newest, as many as may be. */
import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import type { DeadLetter } from './event-queue.ts';

export class DeadLetterFile {
  private readonly path: string;
  private readonly capacity: number;
  private letters: DeadLetter[] = [];
  private linesInFile = 0;

  constructor(path: string, capacity: number) {
    this.path = path;
    this.capacity = capacity;
  }

  get size(): number {
    return this.letters.length;
  }

  async open(): Promise<void> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    this.letters = text.split('\n').flatMap(readLetter).slice(-this.capacity);
    await this.rewrite();
  }

  async add(letters: readonly DeadLetter[]): Promise<void> {
    this.letters.push(...letters);
    this.letters.splice(0, Math.max(0, this.letters.length - this.capacity));
    // Now and then, so that the file does not grow for ever.
    if (this.linesInFile + letters.length > 2 * this.capacity) return this.rewrite();
    this.linesInFile += letters.length;
    await appendFile(this.path, linesOf(letters), { mode: 0o600 });
  }

  newest(limit: number): readonly DeadLetter[] {
    return this.letters.slice(-limit).toReversed();
  }

  /** @param ids `null` for all */
  find(ids: readonly string[] | null): readonly DeadLetter[] {
    return ids === null ? [...this.letters] : this.letters.filter(({ id }) => ids.includes(id));
  }

  async remove(letters: readonly DeadLetter[]): Promise<void> {
    const gone = new Set(letters);
    this.letters = this.letters.filter((letter) => !gone.has(letter));
    await this.rewrite();
  }

  private async rewrite(): Promise<void> {
    const beside = `${this.path}.new`;
    await writeFile(beside, linesOf(this.letters), { mode: 0o600 });
    await rename(beside, this.path);
    this.linesInFile = this.letters.length;
  }
}

function linesOf(letters: readonly DeadLetter[]): string {
  return letters.map((letter) => `${JSON.stringify(letter)}\n`).join('');
}

/** A line that a killed process has left unfinished is no letter. */
function readLetter(line: string): DeadLetter[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as DeadLetter];
  } catch {
    return [];
  }
}
