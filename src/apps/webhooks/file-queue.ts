/** A queue in a directory of this node's own. It survives the process, also one that is killed. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Scheduler, Timer } from '../../telemetry/clock.ts';
import { DeadLetterFile } from './dead-letter-file.ts';
import type { Batch, DeadLetter, EventQueue, QueueSize, QueueTold } from './event-queue.ts';
import { FileLock } from '../../telemetry/file-lock.ts';
import { QUEUE_FULL, type QueueLimits } from './queue-limits.ts';
import { SegmentFiles, type Line, type Place } from './segment-files.ts';

const FILE_BYTES = 8_388_608;
/** Events that wait for a disk that cannot be written to. */
const UNWRITTEN_EVENTS = 10_000;
const WRITE_AGAIN_MS = 1_000;
/** Of a full queue, the part that gives way at once: reading it costs the more, the smaller it is. */
const DROPPED_PART = 0.01;

export class FileQueue implements EventQueue {
  private readonly directory: string;
  private readonly limits: QueueLimits;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly told: QueueTold;
  private readonly segments: SegmentFiles;
  private readonly graveyard: DeadLetterFile;
  private lock: FileLock | null = null;
  /** Events that the disk has not taken. */
  private unwritten: string[] = [];
  /** Read and not done, the oldest first. */
  private head: Line[] = [];
  /** How many were done ever; what stands in the queue follows. */
  private doneCount = 0;
  private events = 0;
  private bytes = 0;
  private readTo: Place = { file: 0, offset: 0 };
  private again: Timer | null = null;
  private isMakingRoom = false;
  /** Reads, and what changes the head: one thing after the other. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(directory: string, limits: QueueLimits, clock: Clock, scheduler: Scheduler, told: QueueTold) {
    this.directory = directory;
    this.limits = limits;
    this.clock = clock;
    this.scheduler = scheduler;
    this.told = told;
    this.segments = new SegmentFiles(directory, Math.min(FILE_BYTES, Math.ceil(limits.maxBytes / 4)));
    this.graveyard = new DeadLetterFile(join(directory, 'dead-letters.jsonl'), limits.deadLetters);
  }

  async open(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    this.lock = FileLock.take(join(this.directory, 'lock'), 'give each node a node_name of its own');
    try {
      this.readTo = await this.segments.open();
      await this.graveyard.open();
      const { lines, bytes } = await this.segments.measure(this.readTo);
      this.events = lines;
      this.bytes = bytes;
    } catch (error) {
      await this.segments.close();
      this.lock.release();
      throw error;
    }
    if (this.events > 0) this.told.filled();
  }

  /** Written before this returns: an event that waited for its turn would be lost with the process. */
  put(event: string): void {
    this.unwritten.push(event);
    if (this.again === null) this.write();
  }

  peek(limit: number, maxBytes: number): Promise<Batch | null> {
    return this.inTurn(async () => {
      await this.fill(limit);
      let bytes = 0;
      const events: string[] = [];
      for (const { text } of this.head.slice(0, limit)) {
        bytes += text.length;
        if (events.length > 0 && bytes > maxBytes) break;
        events.push(text);
      }
      return { events, end: this.doneCount + events.length };
    }, null);
  }

  async done(end: number): Promise<void> {
    await this.inTurn(() => this.advance(end));
  }

  async bury(letters: readonly DeadLetter[]): Promise<void> {
    await this.inTurn(() => this.graveyard.add(letters));
  }

  deadLetters(limit: number): Promise<readonly DeadLetter[]> {
    return Promise.resolve(this.graveyard.newest(limit));
  }

  async replay(ids: readonly string[] | null): Promise<number> {
    const count = await this.inTurn(async () => {
      const letters = this.graveyard.find(ids);
      if (letters.length === 0) return 0;
      // First into the queue: what fails between the two comes twice, and is not lost.
      this.unwritten.push(...letters.map(({ event }) => event));
      this.write();
      if (this.unwritten.length > 0) return 0;
      await this.graveyard.remove(letters);
      return letters.length;
    }, 0);
    return count ?? 0;
  }

  async flush(): Promise<void> {
    this.write();
    await this.inTurn(() => this.makeRoom());
  }

  size(): QueueSize {
    return {
      events: this.events + this.unwritten.length,
      bytes: this.bytes,
      deadLetters: this.graveyard.size,
    };
  }

  async close(): Promise<void> {
    await this.flush();
    await this.inTurn(async () => {
      this.again?.cancel();
      await this.segments.close();
      this.lock?.release();
    });
  }

  private write(): void {
    const events = this.unwritten;
    this.again?.cancel();
    this.again = null;
    if (events.length === 0) return;
    const text = Buffer.from(`${events.join('\n')}\n`);
    try {
      this.segments.append(text);
    } catch (error) {
      this.told.failed('writing', error);
      this.keepRecent();
      this.again = this.scheduler.after(WRITE_AGAIN_MS, () => this.write());
      return;
    }
    this.unwritten = [];
    this.events += events.length;
    this.bytes += text.length;
    this.told.filled();
    if (!this.isOverfull() || this.isMakingRoom) return;
    this.isMakingRoom = true;
    void this.inTurn(() => this.makeRoom());
  }

  private isOverfull(): boolean {
    return this.events > this.limits.maxEvents || this.bytes > this.limits.maxBytes;
  }

  private keepRecent(): void {
    const lost = this.unwritten.splice(0, Math.max(0, this.unwritten.length - UNWRITTEN_EVENTS));
    if (lost.length > 0) this.told.dropped(lost.length, 'the disk cannot be written to');
  }

  private async makeRoom(): Promise<void> {
    this.isMakingRoom = false;
    const { maxEvents } = this.limits;
    while (this.isOverfull()) {
      await this.fill(Math.max(1, Math.ceil(this.events * DROPPED_PART), this.events - maxEvents));
      const oldest = this.head.slice(0, Math.max(1, Math.ceil(this.events * DROPPED_PART)));
      if (oldest.length === 0) return;
      const at = this.clock.now();
      await this.graveyard.add(oldest.map(({ text }) => ({ id: idOf(text), reason: QUEUE_FULL, at, event: text })));
      await this.advance(this.doneCount + oldest.length);
      this.told.dropped(oldest.length, 'full');
    }
  }

  /** Reads until so many stand at the head, or there are no more. */
  private async fill(count: number): Promise<void> {
    while (this.head.length < count) {
      const lines = await this.segments.read(this.readTo);
      const last = lines.at(-1);
      if (last === undefined) return;
      this.readTo = last.end;
      const whole = lines.filter(({ text }) => idOf(text) !== '');
      for (const line of whole) this.head.push(line);
      if (whole.length === lines.length) continue;
      this.events -= lines.length - whole.length;
      this.told.dropped(lines.length - whole.length, 'the disk gave back something else than was written');
    }
  }

  private async advance(end: number): Promise<void> {
    // What gave way meanwhile is done already.
    const count = Math.min(end - this.doneCount, this.head.length);
    if (count <= 0) return;
    const gone = this.head.splice(0, count);
    this.doneCount += count;
    this.events -= count;
    this.bytes -= gone.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0);
    const last = gone.at(-1);
    if (last !== undefined) await this.segments.moveCursor(last.end);
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T | undefined>;
  private async inTurn<T>(work: () => Promise<T>, otherwise: T): Promise<T>;
  private async inTurn<T>(work: () => Promise<T>, otherwise?: T): Promise<T | undefined> {
    const turn = this.last.then(work).catch((error: unknown) => {
      this.told.failed('reading or writing', error);
      return otherwise;
    });
    this.last = turn;
    return turn;
  }
}

/** `''` for what is no event. */
function idOf(text: string): string {
  try {
    const { id } = JSON.parse(text) as { readonly id?: unknown };
    return typeof id === 'string' ? id : '';
  } catch {
    return '';
  }
}
