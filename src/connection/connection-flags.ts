/**
 * Facts of a connection that are yes or no, and its transport, in the bits of one number: as fields they would take 8 bytes
 * each of every idle connection. The writers of each are in test/owners.test.ts.
 */
import { TRANSPORTS, type TransportName } from './transport.ts';

const BATCHING = 1;
const FRAME_PINGS = 2;
const SCHEDULED_TO_READ = 4;
const READING = 8;
const ASKING = 16;
const WAS_WARNED = 32;
const SCHEDULED = 64;
const BLOCKED = 128;
/** The bits above hold the place in TRANSPORTS. */
const OVER_SHIFT = 8;

export interface Agreed {
  readonly batching: boolean;
  /** The client wants `Ping` frames beside the protocol's own pings. */
  readonly framePings: boolean;
  /** Without, a WebSocket. */
  readonly over?: TransportName;
}

export class ConnectionFlags {
  private bits: number;

  constructor({ batching, framePings, over = 'websocket' }: Agreed) {
    this.bits = (batching ? BATCHING : 0) | (framePings ? FRAME_PINGS : 0) | (TRANSPORTS.indexOf(over) << OVER_SHIFT);
  }

  get batching(): boolean {
    return (this.bits & BATCHING) !== 0;
  }

  get framePings(): boolean {
    return (this.bits & FRAME_PINGS) !== 0;
  }

  get over(): TransportName {
    return TRANSPORTS[this.bits >> OVER_SHIFT] ?? 'websocket';
  }

  /** It has a turn in the flusher. */
  get isScheduled(): boolean {
    return (this.bits & SCHEDULED) !== 0;
  }

  set isScheduled(value: boolean) {
    this.set(SCHEDULED, value);
  }

  /** The socket has no room: wait for it to drain. */
  get isBlocked(): boolean {
    return (this.bits & BLOCKED) !== 0;
  }

  set isBlocked(value: boolean) {
    this.set(BLOCKED, value);
  }

  get isScheduledToRead(): boolean {
    return (this.bits & SCHEDULED_TO_READ) !== 0;
  }

  set isScheduledToRead(value: boolean) {
    this.set(SCHEDULED_TO_READ, value);
  }

  /** A page of the log has been asked for. */
  get isReading(): boolean {
    return (this.bits & READING) !== 0;
  }

  set isReading(value: boolean) {
    this.set(READING, value);
  }

  /** A `History` or `GetMissedMessages` waits for an answer. */
  get isAsking(): boolean {
    return (this.bits & ASKING) !== 0;
  }

  set isAsking(value: boolean) {
    this.set(ASKING, value);
  }

  /** The client was told that its token ends soon. */
  get wasWarned(): boolean {
    return (this.bits & WAS_WARNED) !== 0;
  }

  set wasWarned(value: boolean) {
    this.set(WAS_WARNED, value);
  }

  private set(flag: number, value: boolean): void {
    this.bits = value ? this.bits | flag : this.bits & ~flag;
  }
}
