/**
 * Standard output as the log's destination. A log that cannot be written never costs the node anything: what a full
 * disk, a closed pipe or a reader that hangs does not take waits in a bounded buffer, and beyond that lines are lost
 * and counted.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

/** Bytes that wait; further lines are lost. */
const MAX_PENDING = 262_144;
const RETRY_MS = 1_000;

export class LogDestination implements DestinationStream {
  /** Lines that could not be written. */
  lost = 0;
  /** Told when output goes on after lines were lost. */
  onResumed: (lost: number) => void = () => {};
  private lostSince = 0;
  private pending: Buffer = Buffer.alloc(0);
  private timer: NodeJS.Timeout | null = null;
  private readonly fd: number;
  private readonly put: (fd: number, bytes: Buffer) => number;

  /** @param put writes what it can and returns how many bytes that was; throws when it can none */
  constructor(fd: number = standardOutput(), put: (fd: number, bytes: Buffer) => number = writeSync) {
    this.fd = fd;
    this.put = put;
  }

  get waitingBytes(): number {
    return this.pending.byteLength;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.pending.byteLength > 0 && this.pending.byteLength + bytes.byteLength > MAX_PENDING) {
      this.lost += 1;
      this.lostSince += 1;
    } else this.pending = this.pending.byteLength === 0 ? bytes : Buffer.concat([this.pending, bytes]);
    // While output is stuck the timer looks after it: a system call for every line would be in vain.
    if (this.timer === null) this.flush();
  }

  /** Writes what waits, as far as it goes. */
  flush(): void {
    try {
      while (this.pending.byteLength > 0) this.pending = this.pending.subarray(this.put(this.fd, this.pending));
    } catch {
      this.timer ??= setInterval(() => this.flush(), RETRY_MS).unref();
      return;
    }
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    const lost = this.lostSince;
    this.lostSince = 0;
    if (lost > 0) this.onResumed(lost);
  }
}

/**
 * A pipe is opened anew without blocking, which leaves the other holders of it as they are: written to as it came, a
 * reader that hangs would stop the event loop. Sockets cannot be opened that way; files and terminals take what they get.
 */
function standardOutput(): number {
  try {
    if (fstatSync(1).isFIFO()) return openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // No /proc, or no descriptor 1: as it came.
  }
  return 1;
}
