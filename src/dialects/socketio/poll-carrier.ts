/** What a session sends while its client polls: kept until the next poll, and put together at the end of a turn. */
import type { HttpResponse } from '../../node/route.ts';
import type { Payload } from '../../protocol/codec.ts';
import { byteLength } from '../../protocol/codec.ts';
import type { Scheduler } from '../../telemetry/clock.ts';
import { joinPackets, NOOP } from './engine-packets.ts';

const HEADERS = { 'content-type': 'text/plain; charset=UTF-8', 'cache-control': 'no-store' };
/** Above, a poll that waits counts as no room: what is written in one turn is bounded. */
const MOST_BYTES = 262_144;

export class PollCarrier {
  private answer: ((response: HttpResponse) => void) | null = null;
  private packets: Payload[] = [];
  private bytes = 0;
  private isArmed = false;
  private readonly scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  get isPolled(): boolean {
    return this.answer !== null;
  }

  /** Bytes that no poll will take in this turn. */
  buffered(): number {
    return this.answer !== null && this.bytes < MOST_BYTES ? 0 : this.bytes;
  }

  push(packet: Payload): void {
    this.packets.push(packet);
    this.bytes += byteLength(packet);
    if (this.answer === null || this.isArmed) return;
    this.isArmed = true;
    this.scheduler.endOfTurn(() => {
      this.isArmed = false;
      this.flush();
    });
  }

  /** A poll has come. @param isHurried it is answered in any case: nothing more comes this way */
  poll(answer: (response: HttpResponse) => void, isHurried: boolean): void {
    this.answer = answer;
    if (isHurried) this.hurry();
    else this.flush();
  }

  /** Answers the poll that waits, with nothing if there is nothing. */
  hurry(): void {
    if (this.answer === null) return;
    if (this.packets.length === 0) this.packets.push(NOOP);
    this.flush();
  }

  /** Takes what waits, for another way. */
  take(): readonly Payload[] {
    const { packets } = this;
    this.packets = [];
    this.bytes = 0;
    return packets;
  }

  private flush(): void {
    const { answer } = this;
    if (answer === null || this.packets.length === 0) return;
    this.answer = null;
    answer({ status: 200, headers: HEADERS, body: joinPackets(this.take()) });
  }

  /** The client of the poll has gone. */
  forget(): void {
    this.answer = null;
  }
}
