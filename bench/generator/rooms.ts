/**
 * Rooms whose members publish in turn, each publication acknowledged and received by every member, the publisher included.
 * Closed loop: a room goes on with its next member when the last publication is complete. Open loop: so many a second over
 * all rooms, whatever is under way; there one member of a room speaks for as long as that lasts, because nobody promises an
 * order between two sockets.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Client, ClientOptions } from './client.ts';
import { clientFrame, OPCODE } from './publisher.ts';
import { microseconds, payloadText, STAMP_MARK, writeStamp } from './stamp.ts';
import { Tally } from './tally.ts';
import type { Wire } from './wire.ts';

export interface RoomsOptions {
  readonly port: number;
  readonly wire: Wire;
  readonly token: string;
  readonly rooms: number;
  readonly members: number;
  readonly payloadBytes: number;
  /** Only the question and its answer, without any room: what a round trip alone costs. */
  readonly isEcho?: boolean;
}

type Open = (options: readonly ClientOptions[]) => Promise<Client[]>;

interface Member {
  readonly client: Client;
  readonly frame: Buffer;
  readonly stampAt: number;
}

const TICK_MS = 1;

export class Rooms {
  private readonly rooms: readonly Room[];
  private timer: NodeJS.Timeout | null = null;
  private next = 0;

  private constructor(rooms: readonly Room[]) {
    this.rooms = rooms;
  }

  static async open(options: RoomsOptions, openAll: Open): Promise<Rooms> {
    const { port, wire, token } = options;
    const tallies = Array.from({ length: options.rooms }, () => new Tally());
    const clients = await openAll(
      tallies.flatMap((tally, at) =>
        Array.from({ length: options.members }, () => ({
          port,
          wire,
          topic: `bench.room-${at}`,
          token,
          tally,
          role: 'subscriber',
        })),
      ),
    );
    const rooms = tallies.map((tally, at) => {
      const members = clients.slice(at * options.members, (at + 1) * options.members);
      return new Room(
        tally,
        members.map((client) => member(client, options)),
        options.isEcho === true ? 0 : members.length,
      );
    });
    return new Rooms(rooms);
  }

  /** Where latencies of deliveries go from now on, in µs from the intended sending. */
  record(): RecordableHistogram {
    const histogram = createHistogram();
    for (const { tally } of this.rooms) {
      tally.latency = histogram;
      tally.sample(true);
    }
    return histogram;
  }

  /** Keeps one publication under way in each room. */
  start(): void {
    for (const room of this.rooms) room.start();
  }

  /** So many publications a second, rooms in turn, each stamped with the time at which it was due. */
  startAtRate(perSecond: number): void {
    for (const room of this.rooms) room.nextSpeaker();
    const started = performance.now();
    let sent = 0;
    const tick = (): void => {
      const due = Math.floor(((performance.now() - started) / 1_000) * perSecond);
      for (; sent < due; sent += 1) {
        this.next = (this.next + 1) % this.rooms.length;
        this.rooms[this.next]?.publish(Math.round((started + ((sent + 1) / perSecond) * 1_000) * 1_000));
      }
      this.timer = setTimeout(tick, TICK_MS);
    };
    tick();
  }

  stop(): void {
    for (const room of this.rooms) room.isRunning = false;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  get sent(): number {
    return this.sum((room) => room.sent);
  }

  /** Answers and deliveries that have come. */
  get arrived(): number {
    return this.sum(({ tally }) => tally.received + tally.announced + tally.answered);
  }

  /** Answers and deliveries that everything sent so far must cause. */
  get expected(): number {
    return this.sum((room) => room.sent * (room.deliveries + 1));
  }

  get bytes(): number {
    return this.sum(({ tally }) => tally.bytes);
  }

  /** Lost, duplicated, refused, unanswered; when nothing is under way. */
  get faults(): number {
    const wrong = this.sum(({ tally }) => tally.faults + tally.closed);
    return wrong + Math.abs(this.expected - this.arrived);
  }

  destroy(): void {
    this.stop();
    for (const room of this.rooms) for (const { client } of room.members) client.destroy();
  }

  private sum(of: (room: Room) => number): number {
    return this.rooms.reduce((sum, room) => sum + of(room), 0);
  }
}

class Room {
  readonly tally: Tally;
  readonly members: readonly Member[];
  sent = 0;
  isRunning = false;
  /** Of one publication. */
  readonly deliveries: number;
  private speaker = 0;

  constructor(tally: Tally, members: readonly Member[], deliveries: number) {
    this.tally = tally;
    this.members = members;
    this.deliveries = deliveries;
    tally.wake = () => this.goOn();
    for (const { client } of members) client.onAnswer = () => this.goOn();
  }

  start(): void {
    this.isRunning = true;
    this.publish(microseconds());
  }

  /** @param due in microseconds */
  publish(due: number): void {
    const { tally, members } = this;
    const from = members[this.speaker] as Member;
    this.sent += 1;
    // Copied: the socket may hold what it is given.
    const frame = Buffer.from(from.frame);
    writeStamp(frame, from.stampAt, this.sent, due);
    tally.wakeAt = this.deliveries === 0 ? Infinity : this.sent * this.deliveries;
    from.client.write(frame);
  }

  nextSpeaker(): void {
    this.speaker = (this.speaker + 1) % this.members.length;
  }

  private goOn(): void {
    const { tally, sent } = this;
    if (!this.isRunning || tally.answered < sent || tally.received < sent * this.deliveries) return;
    this.nextSpeaker();
    this.publish(microseconds());
  }
}

function member(client: Client, { wire, payloadBytes, isEcho = false }: RoomsOptions): Member {
  const text = payloadText(payloadBytes);
  const message = isEcho ? wire.request(client.topic, text) : wire.acknowledged(client, client.topic, text);
  const body = typeof message === 'string' ? Buffer.from(message) : message;
  const frame = clientFrame(body, wire.binary ? OPCODE.binary : OPCODE.text);
  return { client, frame, stampAt: frame.indexOf(STAMP_MARK) };
}
