/** Publishes stamped payloads: so many in flight (closed loop), or so many per second (open loop). */
import type { Client } from './client.ts';
import { microseconds, STAMP_MARK, writeStamp, payloadText } from './stamp.ts';
import type { Tally } from './tally.ts';
import type { Wire } from './wire.ts';

export interface PublisherOptions {
  readonly client: Client;
  readonly tally: Tally;
  readonly wire: Wire;
  readonly topics: readonly string[];
  readonly subscribersPerTopic: number;
  readonly payloadBytes: number;
}

/** A frame to be, with where its stamp goes. */
interface Template {
  readonly frame: Buffer;
  readonly stampAt: number;
  sequence: number;
}

/** Below this many milliseconds timers do not wake. */
const TICK_MS = 1;
export const OPCODE = { text: 1, binary: 2 } as const;

export class Publisher {
  /** Publications sent. */
  sent = 0;
  /** The largest delay of this process behind its own schedule, in ms. */
  lateMs = 0;
  private readonly options: PublisherOptions;
  private readonly templates: Template[];
  private isRunning = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(options: PublisherOptions) {
    this.options = options;
    this.templates = options.topics.map((topic) => template(options.wire, topic, options.payloadBytes));
  }

  /** Deliveries that everything sent so far must cause. */
  get expected(): number {
    return this.sent * this.options.subscribersPerTopic;
  }

  /** Keeps so many publications in flight: one counts as in flight until as many deliveries as it causes have come. */
  keepInFlight(window: number): void {
    const { tally, subscribersPerTopic } = this.options;
    this.isRunning = true;
    tally.wake = () => {
      if (!this.isRunning) return;
      const complete = Math.floor(tally.received / subscribersPerTopic);
      this.publish(window - (this.sent - complete), microseconds());
      tally.wakeAt = (complete + 1) * subscribersPerTopic;
    };
    tally.wake();
  }

  /** Publishes so many per second, each stamped with the time at which it was due. */
  atRate(perSecond: number): void {
    const started = performance.now();
    const before = this.sent;
    this.isRunning = true;
    const tick = (): void => {
      const now = performance.now();
      const due = Math.floor(((now - started) / 1_000) * perSecond) - (this.sent - before);
      const firstDue = started + ((this.sent - before + 1) / perSecond) * 1_000;
      if (due > 0) this.lateMs = Math.max(this.lateMs, now - firstDue);
      this.publish(due, firstDue * 1_000, 1e6 / perSecond);
      if (this.isRunning) this.timer = setTimeout(tick, TICK_MS);
    };
    tick();
  }

  /** Publishes so many now, topics in turn. */
  publish(count: number, firstMicros = microseconds(), stepMicros = 0): void {
    if (count <= 0) return;
    const { client } = this.options;
    const frames: Buffer[] = [];
    for (let index = 0; index < count; index += 1) {
      const next = this.templates[this.sent % this.templates.length] as Template;
      next.sequence += 1;
      const frame = Buffer.from(next.frame);
      writeStamp(frame, next.stampAt, next.sequence, Math.round(firstMicros + index * stepMicros));
      frames.push(frame);
      this.sent += 1;
    }
    client.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames));
  }

  stop(): void {
    this.isRunning = false;
    if (this.timer !== null) clearTimeout(this.timer);
  }
}

/** One publication as a WebSocket frame. Its mask is zero, which masks nothing and is allowed: there is nobody in between. */
function template(wire: Wire, topic: string, payloadBytes: number): Template {
  const message = wire.publish(topic, payloadText(payloadBytes));
  const body = typeof message === 'string' ? Buffer.from(message) : message;
  const frame = clientFrame(body, wire.binary ? OPCODE.binary : OPCODE.text);
  return { frame, stampAt: frame.indexOf(STAMP_MARK), sequence: 0 };
}

export function clientFrame(body: Uint8Array, opcode: number): Buffer {
  const length = body.byteLength;
  if (length > 0xffff) throw new RangeError(`expected a message of at most 65535 bytes, got ${length}`);
  const head =
    length < 126
      ? [0x80 | opcode, 0x80 | length, 0, 0, 0, 0]
      : [0x80 | opcode, 0x80 | 126, length >> 8, length & 0xff, 0, 0, 0, 0];
  return Buffer.concat([Uint8Array.from(head), body]);
}
