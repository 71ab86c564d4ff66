/** Records in a file, for programs: one process a file. */
import type { Position } from '../../protocol/position.ts';
import type { SavedEntry } from '../publishing.ts';
import type { Saved } from '../storage.ts';
import type { Backend, Change } from './keeper.ts';

/** As much of `node:fs/promises` as is used: it is given, so that bundlers for browsers find no import of Node's. */
export interface FileSystem {
  readFile(path: string, encoding: 'utf8'): Promise<string>;
  writeFile(path: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { readonly force: boolean }): Promise<void>;
}

export class FileBackend implements Backend {
  private readonly fs: FileSystem;
  private readonly path: string;
  private positions: Readonly<Record<string, Position>> = {};
  private readonly queue = new Map<string, SavedEntry>();
  /** One write after the other. */
  private last: Promise<void> = Promise.resolve();

  constructor(fs: FileSystem, path: string) {
    this.fs = fs;
    this.path = path;
  }

  async load(): Promise<Saved> {
    let text: string;
    try {
      text = await this.fs.readFile(this.path, 'utf8');
    } catch (error) {
      if ((error as { readonly code?: unknown }).code !== 'ENOENT') throw error;
      return { positions: {}, queue: [] };
    }
    const saved = JSON.parse(text) as Saved;
    this.positions = saved.positions;
    for (const entry of saved.queue) this.queue.set(entry.key, entry);
    return saved;
  }

  save({ positions, put, remove }: Change): Promise<void> {
    this.positions = { ...this.positions, ...positions };
    for (const entry of put) this.queue.set(entry.key, entry);
    for (const key of remove) this.queue.delete(key);
    return this.write();
  }

  async clear(): Promise<void> {
    this.positions = {};
    this.queue.clear();
    await this.last;
    await this.fs.rm(this.path, { force: true });
  }

  /** Beside it first: a process that dies in the middle leaves the old one whole. */
  private write(): Promise<void> {
    const text = JSON.stringify({ positions: this.positions, queue: [...this.queue.values()] });
    const done = this.last.then(async () => {
      await this.fs.writeFile(`${this.path}.new`, text);
      await this.fs.rename(`${this.path}.new`, this.path);
    });
    this.last = done.catch(() => {});
    return done;
  }
}
