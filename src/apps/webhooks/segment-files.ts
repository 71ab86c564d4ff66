/**
 * Lines in files, appended at one end and read at the other. Files are numbered; one that was read to its end is removed.
 * `cursor` says how far lines are done. Lines are handed to the system before {@link SegmentFiles.append} returns, which takes
 * microseconds, and are not forced to the disk: they outlive the process, and not always a power cut.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

export interface Place {
  readonly file: number;
  readonly offset: number;
}

export interface Line {
  readonly text: string;
  /** Where it ends. */
  readonly end: Place;
}

const CHUNK = 262_144;
const NEWLINE = 0x0a;
const NAME = /^(\d{10})\.jsonl$/;
const CURSOR_BYTES = 40;

export class SegmentFiles {
  private readonly directory: string;
  private readonly fileBytes: number;
  private readonly files: number[] = [];
  /** Descriptor of the file that is written to. */
  private writer: number | null = null;
  private cursorFile: FileHandle | null = null;
  /** Bytes of the file that is written to. */
  private written = 0;
  private reader: { readonly file: number; readonly handle: FileHandle } | null = null;

  /** @param fileBytes after which another file is begun */
  constructor(directory: string, fileBytes: number) {
    this.directory = directory;
    this.fileBytes = fileBytes;
  }

  /** @returns where reading goes on. Files of an earlier process are never written to again. */
  async open(): Promise<Place> {
    const names = await readdir(this.directory);
    this.files.push(...names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number));
    this.files.sort((a, b) => a - b);
    this.cursorFile = await open(join(this.directory, 'cursor'), 'a+');
    await this.cursorFile.close();
    this.cursorFile = await open(join(this.directory, 'cursor'), 'r+');
    const [file = 0, offset = 0] = (await this.cursorFile.readFile('utf8')).trim().split(/\s+/).map(Number);
    this.begin();
    const oldest = this.files[0] ?? 0;
    let place = this.files.includes(file) && Number.isInteger(offset) ? { file, offset } : { file: oldest, offset: 0 };
    // A file that was read to its end is done with, or files without a line pile up where a server starts again and again.
    for (const next of this.files.filter((number) => number > place.file))
      if ((await this.readFrom(place)).length === 0) place = { file: next, offset: 0 };
    await this.removeBefore(place.file);
    return place;
  }

  /** Lines and bytes from a place on. */
  async measure({ file, offset }: Place): Promise<{ readonly lines: number; readonly bytes: number }> {
    let lines = 0;
    let bytes = 0;
    for (const each of this.files.filter((number) => number >= file)) {
      const content = (await readFile(this.pathOf(each))).subarray(each === file ? offset : 0);
      const end = content.lastIndexOf(NEWLINE) + 1;
      bytes += end;
      for (let at = content.indexOf(NEWLINE); at !== -1; at = content.indexOf(NEWLINE, at + 1)) lines += 1;
    }
    return { lines, bytes };
  }

  /** Appends text that ends with a line end: the whole of it, or nothing. @throws Error when the disk does not take it */
  append(text: Buffer): void {
    if (this.written > 0 && this.written + text.length > this.fileBytes) this.begin();
    const { writer } = this;
    if (writer === null) throw new Error('expected an open queue');
    try {
      for (let done = 0; done < text.length;)
        done += writeSync(writer, text, done, text.length - done, this.written + done);
      this.written += text.length;
    } catch (error) {
      // A disk that is full may have taken a part.
      truncate(writer, this.written);
      throw error;
    }
  }

  /** The next lines from a place on; none at the end. */
  async read(from: Place): Promise<readonly Line[]> {
    for (let place = from; ;) {
      const lines = await this.readFrom(place);
      if (lines.length > 0) return lines;
      const next = this.files.find((file) => file > place.file);
      // The last line of a killed process may be half a line: it was never done writing it.
      if (next === undefined) return [];
      place = { file: next, offset: 0 };
    }
  }

  /** Everything before the place is done. */
  async moveCursor(place: Place): Promise<void> {
    const text = `${place.file} ${place.offset}`.padEnd(CURSOR_BYTES);
    await this.cursorFile?.write(text, 0);
    await this.removeBefore(place.file);
  }

  async close(): Promise<void> {
    await this.reader?.handle.close();
    if (this.writer !== null) closeSync(this.writer);
    await this.cursorFile?.close();
    this.reader = null;
    this.writer = null;
    this.cursorFile = null;
  }

  private async readFrom({ file, offset }: Place): Promise<Line[]> {
    const isWritten = file === this.files.at(-1);
    const handle = await this.handleOf(file);
    const size = isWritten ? this.written : (await handle.stat()).size;
    for (let length = CHUNK; ; length *= 2) {
      const wanted = Math.min(length, size - offset);
      if (wanted <= 0) return [];
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, offset);
      const lines = linesOf(buffer.subarray(0, bytesRead), file, offset);
      if (lines.length > 0 || bytesRead < length) return lines;
    }
  }

  private async handleOf(file: number): Promise<FileHandle> {
    if (this.reader?.file === file) return this.reader.handle;
    await this.reader?.handle.close();
    this.reader = null;
    this.reader = { file, handle: await open(this.pathOf(file), 'r') };
    return this.reader.handle;
  }

  private begin(): void {
    const file = (this.files.at(-1) ?? 0) + 1;
    const writer = openSync(this.pathOf(file), 'w', 0o600);
    if (this.writer !== null) closeSync(this.writer);
    this.writer = writer;
    this.files.push(file);
    this.written = 0;
  }

  private async removeBefore(file: number): Promise<void> {
    while (this.files[0] !== undefined && this.files[0] < file) {
      const [gone] = this.files.splice(0, 1);
      if (gone === this.reader?.file) {
        await this.reader?.handle.close();
        this.reader = null;
      }
      if (gone !== undefined) await rm(this.pathOf(gone), { force: true });
    }
  }

  private pathOf(file: number): string {
    return join(this.directory, `${String(file).padStart(10, '0')}.jsonl`);
  }
}

function truncate(writer: number, length: number): void {
  try {
    ftruncateSync(writer, length);
  } catch {
    // Half a line at the end is none: the next one is written over it.
  }
}

function linesOf(bytes: Buffer, file: number, offset: number): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, start)) {
    lines.push({ text: bytes.toString('utf8', start, at), end: { file, offset: offset + at + 1 } });
    start = at + 1;
  }
  return lines;
}
