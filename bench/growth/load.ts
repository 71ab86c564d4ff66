/** A connection that publishes as fast as it is answered, and one that subscribes: what the curves are measured with. */
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { atRest, reached } from '../against/rest.ts';
import { clientFrame, OPCODE } from '../generator/publisher.ts';
import { startSignalbox, type Settings } from '../servers.ts';
import type { ServerProcess } from '../processes.ts';
import { benchToken } from '../tokens.ts';

/** `{"type":"` */
const TYPE_AT = 9;
const LETTER = { A: 0x41, B: 0x42, E: 0x45, S: 0x53 } as const;
const IN_FLIGHT = 1_000;
const AT_ONCE = 250;
/** V8 may stop a heap of a million topics for long, on a machine that is busy. */
const SILENCE_SECONDS = 20;

/** Bounds that are out of the way. */
const BOUNDLESS: Settings = {
  'topics.max_topics': '10000000',
  'topics.max_topics_per_user': '10000000',
  'topics.total_bytes': '8589934592',
  'websocket.max_subscriptions': '10000',
  'websocket.max_matched_topics': '1000000',
  'redis.command_timeout_ms': '10000',
};

export function startNode(settings: Settings = {}, core?: number): Promise<ServerProcess> {
  return startSignalbox({ ...BOUNDLESS, ...settings }, core);
}

export class Connection {
  answered = 0;
  received = 0;
  /** Frames that made or ended subscriptions: sent, and answered. */
  private changes = 0;
  private changed = 0;
  /** The first thing that went wrong. */
  wrong = '';
  private sent = 0;
  private readonly isSpent: () => boolean;
  private socket: LeanSocket | null = null;

  private constructor(isSpent: () => boolean) {
    this.isSpent = isSpent;
  }

  /** @param isSpent whether the time for what is measured is over: publishing stops with an {@link OutOfTime} */
  static async open(port: number, isSpent: () => boolean = () => false): Promise<Connection> {
    const connection = new Connection(isSpent);
    connection.socket = await LeanSocket.open({
      host: '127.0.0.1',
      port,
      path: `/ws?token=${await benchToken('bench')}`,
      onMessage: (bytes, start, end) => connection.read(bytes, start, end),
    });
    return connection;
  }

  /** @param topic of publication number so and so. @throws when one was refused, or the time is over */
  async publish(count: number, topic: (at: number) => string): Promise<void> {
    const goal = this.sent + count;
    const first = this.sent;
    while (this.sent < goal) {
      if (this.isSpent()) throw new OutOfTime();
      const frames: Buffer[] = [];
      for (const end = Math.min(goal, this.sent + AT_ONCE); this.sent < end; this.sent += 1)
        frames.push(
          clientFrame(
            Buffer.from(
              `{"type":"Broadcast","id":"p","data":{"topic":"${topic(this.sent - first)}","payload":"0123456789"}}`,
            ),
            OPCODE.text,
          ),
        );
      this.socket?.write(Buffer.concat(frames));
      if (!(await reached(() => this.answered, this.sent - IN_FLIGHT, SILENCE_SECONDS))) break;
    }
    await reached(() => this.answered, this.sent, SILENCE_SECONDS);
    this.check(this.answered === this.sent, `${this.sent - this.answered} publications were not answered`);
  }

  subscribe(topics: readonly string[]): Promise<void> {
    return this.change('Subscribe', topics);
  }

  unsubscribe(topics: readonly string[]): Promise<void> {
    return this.change('Unsubscribe', topics);
  }

  destroy(): void {
    this.socket?.destroy();
  }

  private async change(type: string, topics: readonly string[]): Promise<void> {
    this.socket?.send(JSON.stringify({ type, id: 's', data: { topics } }));
    this.changes += 1;
    const goal = this.changes;
    await reached(() => this.changed, goal);
    this.check(this.changed >= goal, `${type} was not answered`);
  }

  private check(isRight: boolean, what: string): void {
    if (this.wrong !== '' || !isRight) throw new Error(`expected every answer: ${what} ${this.wrong}`);
  }

  private read(bytes: Buffer, start: number, end: number): void {
    const letter = bytes[start + TYPE_AT];
    if (letter === LETTER.B) this.received += 1;
    else if (letter === LETTER.A) this.answered += 1;
    else if (letter === LETTER.E) this.wrong ||= bytes.toString('utf8', start, end);
    else if (letter === LETTER.S && /"(?:un)?subscribed"/.test(bytes.toString('latin1', start, end))) this.changed += 1;
  }
}

/** The machine was too busy, or the point too large: the curve ends before it. */
export class OutOfTime extends Error {}

/** CPU of a process in µs, from rest to rest. */
export async function micros(pid: number, run: () => Promise<void>): Promise<number> {
  const before = await atRest(pid);
  await run();
  return ((await atRest(pid)) - before) * 1e6;
}
